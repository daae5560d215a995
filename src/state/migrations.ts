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
  // The table is made anew, since SQLite cannot change a CHECK; dropping the old one would take the leases along.
  `
  CREATE TABLE layers (
    id TEXT PRIMARY KEY,
    vm_id TEXT NOT NULL,
    parent TEXT REFERENCES layers (id),
    memory_parent TEXT REFERENCES layers (id),
    template TEXT,
    disk_path TEXT,
    overlay_path TEXT,
    manifest TEXT,
    created_at INTEGER NOT NULL,
    maker_pid INTEGER,
    maker_birth TEXT
  ) STRICT;
  CREATE INDEX layers_by_parent ON layers (parent);
  CREATE INDEX layers_by_memory_parent ON layers (memory_parent);
  CREATE INDEX layers_by_template ON layers (template);

  CREATE TABLE snapshots (
    id TEXT PRIMARY KEY,
    name TEXT UNIQUE,
    layer TEXT NOT NULL REFERENCES layers (id),
    vm_id TEXT NOT NULL,
    definition TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX snapshots_by_layer ON snapshots (layer);

  CREATE TABLE pools (
    key TEXT PRIMARY KEY,
    config TEXT NOT NULL,
    size INTEGER NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE vms_of_3 (
    id TEXT PRIMARY KEY,
    home TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL CHECK (status IN ('created', 'running', 'paused', 'stopped', 'error')),
    config TEXT NOT NULL,
    network TEXT,
    backend TEXT NOT NULL,
    image_id TEXT,
    disk_path TEXT,
    layer TEXT REFERENCES layers (id),
    template TEXT,
    memory_path TEXT,
    memory_layer TEXT REFERENCES layers (id),
    saved_layer TEXT REFERENCES layers (id),
    socket_dir TEXT NOT NULL,
    pid INTEGER,
    pid_birth TEXT,
    accelerator TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    started_from TEXT,
    start_phases TEXT NOT NULL DEFAULT '[]',
    paused_by TEXT,
    expires_at INTEGER,
    pool TEXT REFERENCES pools (key),
    error TEXT,
    operation TEXT,
    operation_pid INTEGER,
    operation_birth TEXT
  ) STRICT;
  INSERT INTO vms_of_3 (id, home, status, config, network, backend, image_id, disk_path, template, socket_dir, pid, pid_birth,
                        accelerator, created_at, started_at, started_from, start_phases, error,
                        operation, operation_pid, operation_birth)
    SELECT id, id, status, config, network, backend, image_id, disk_path, template, socket_dir, pid, pid_birth,
           accelerator, created_at, started_at, started_from, start_phases, error,
           operation, operation_pid, operation_birth
    FROM vms;
  CREATE TEMP TABLE kept_leases AS SELECT * FROM channel_leases;
  DROP TABLE vms;
  ALTER TABLE vms_of_3 RENAME TO vms;
  INSERT INTO channel_leases SELECT * FROM kept_leases;
  DROP TABLE kept_leases;
  CREATE INDEX vms_by_template ON vms (template);
  CREATE INDEX vms_by_layer ON vms (layer);
  CREATE INDEX vms_by_memory_layer ON vms (memory_layer);
  CREATE INDEX vms_by_pool ON vms (pool);

  ALTER TABLE retained_disks ADD COLUMN layer TEXT REFERENCES layers (id);
  `,
];
