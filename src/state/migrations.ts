/**
 * The schema, one step a release that changed it. `PRAGMA user_version` counts the steps that a database has had; a
 * step that was released is never edited.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE vms (
    id TEXT PRIMARY KEY,
    status TEXT NOT NULL CHECK (status IN ('created', 'running', 'paused', 'stopped', 'error')),
    config TEXT NOT NULL,
    network TEXT,
    backend TEXT NOT NULL,
    image_id TEXT,
    disk_path TEXT,
    socket_dir TEXT NOT NULL,
    pid INTEGER,
    pid_birth TEXT,
    accelerator TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    start_phases TEXT NOT NULL DEFAULT '[]',
    error TEXT,
    operation TEXT CHECK (operation IN ('create', 'start', 'stop', 'delete')),
    operation_pid INTEGER,
    operation_birth TEXT
  ) STRICT;

  CREATE TABLE channel_leases (
    vm_id TEXT NOT NULL REFERENCES vms (id) ON DELETE CASCADE,
    port INTEGER NOT NULL,
    token TEXT NOT NULL UNIQUE,
    pid INTEGER NOT NULL,
    pid_birth TEXT NOT NULL,
    PRIMARY KEY (vm_id, port)
  ) STRICT;

  CREATE TABLE retained_disks (
    path TEXT PRIMARY KEY,
    vm_id TEXT NOT NULL,
    retained_at INTEGER NOT NULL
  ) STRICT;
  `,
  `
  ALTER TABLE vms ADD COLUMN template TEXT;
  ALTER TABLE vms ADD COLUMN started_from TEXT CHECK (started_from IN ('cold', 'template'));
  CREATE INDEX vms_by_template ON vms (template);
  `,
];
