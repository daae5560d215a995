import { spawnSync } from "node:child_process";

/**
 * Has the terminal behind stdin show output exactly as it is written. Node's raw mode still puts a carriage return before
 * each newline, which displaces what a full-screen program draws. Leaving the raw mode takes this back, too.
 */
export function passTerminalOutputUnchanged(): void {
  // Where there is no stty, the line ends are all that is wrong.
  spawnSync("stty", ["-opost"], { stdio: ["inherit", "ignore", "ignore"] });
}
