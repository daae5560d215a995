import type { SmolVM } from "../../src/index.ts";
import type { BareChannel } from "./bare-channel.ts";
import { END_FRAME, execFrame } from "./bare-frames.ts";
import { printComparison, printComparisonHeading } from "./comparison.ts";
import type { SshServer } from "./ssh-server.ts";
import { inTurns, timed } from "./timed.ts";

const AT_ONCE = 32;
const ECHO = Buffer.from("a line of input\n");

/** What commands are compared with. */
export interface Rivals {
  readonly bare: BareChannel;
  /** undefined: not on this machine. */
  readonly ssh: SshServer | undefined;
}

/** Commands one by one, many at once, and the way of a line through one. */
export async function compareCommands(vm: SmolVM, rivals: Rivals, count: number): Promise<void> {
  const { bare, ssh } = rivals;
  printComparisonHeading("Commands");
  const frame = execFrame(["/bin/true"]);
  for (let warmUp = 0; warmUp < 10; warmUp++) {
    await bare.roundTrip(frame);
    await vm.run(["/bin/true"]);
  }
  const single = await inTurns(count, {
    floor: () => bare.roundTrip(frame),
    ours: () => timed(() => vm.run(["/bin/true"])),
  });
  const bySsh = await inTurns(Math.ceil(count / 10), {
    fresh: ssh && (() => timed(() => ssh.execFresh("/bin/true"))),
    master: ssh && (() => timed(() => ssh.exec("/bin/true"))),
  });
  printComparison({ name: 'run(["/bin/true"])', ...single, ssh: bySsh });

  const frames = Buffer.concat(Array.from({ length: AT_ONCE }, (_, id) => execFrame(["/bin/true"], { id: id + 1 })));
  const atOnce = async (one: () => Promise<unknown>): Promise<unknown> =>
    await Promise.all(Array.from({ length: AT_ONCE }, one));
  const many = await inTurns(Math.ceil(count / 20), {
    floor: () => bare.roundTrip(frames, AT_ONCE),
    ours: () => timed(() => atOnce(() => vm.run(["/bin/true"]))),
    master: ssh && (() => timed(() => atOnce(() => ssh.exec("/bin/true")))),
  });
  printComparison({ name: `${AT_ONCE} of them at once`, ...many, ssh: { master: many.master } });
  await compareEcho(vm, rivals, count);
}

/** A line goes into `cat` and comes back. */
async function compareEcho(vm: SmolVM, { bare, ssh }: Rivals, count: number): Promise<void> {
  bare.start(execFrame(["/bin/cat"], { hasInput: true }));
  await using cat = await vm.spawn(["/bin/cat"], { stdin: "pipe" });
  const writer = cat.stdin.getWriter();
  const reader = cat.stdout.getReader();
  const ours = async (): Promise<void> => {
    void writer.write(ECHO);
    for (let bytes = 0; bytes < ECHO.length;) bytes += (await reader.read()).value?.length ?? ECHO.length;
  };
  const remote = ssh?.open("/bin/cat");
  const theirs = async (): Promise<void> => {
    remote?.stdin.write(ECHO);
    await new Promise((resolve) => remote?.stdout.once("data", resolve));
  };
  const figures = await inTurns(count, {
    floor: () => bare.echo(ECHO),
    ours: () => timed(ours),
    master: remote && (() => timed(theirs)),
  });
  printComparison({ name: "a line through cat and back", ...figures, ssh: { master: figures.master } });
  remote?.stdin.end();
  await bare.roundTrip(END_FRAME);
}
