import type { VMRecord } from "../../state/vm-record.ts";

/**
 * How much later than its host a guest ends itself: who has the VM open deletes it, with all that belongs to it, and the guest's own
 * timer is for the case that nobody does.
 */
const GUEST_MARGIN_MS = 100;

/** Whether the time of a VM is up. */
export function isExpired(record: VMRecord): boolean {
  return record.expiresAtMs !== null && record.expiresAtMs <= Date.now();
}

/** What the guest is told of the time it has: 0 takes back what it was told before, or what the guest was told that it is a copy of. */
export function lifetimeOf({ expiresAtMs }: VMRecord): { readonly lifetimeMs: number } {
  return { lifetimeMs: expiresAtMs === null ? 0 : Math.max(1, expiresAtMs - Date.now()) + GUEST_MARGIN_MS };
}
