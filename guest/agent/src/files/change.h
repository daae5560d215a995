/* FILE_CHANGE: mode, owner and modification time, each as far as it is given. */
#ifndef SMOLVM_CHANGE_H
#define SMOLVM_CHANGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "file-request.h"
#include "outcome.h"

struct change {
  bool has_mode;
  bool has_owner;
  bool has_time;
  mode_t mode; /* permissions */
  uid_t user; /* -1: stays as it is */
  gid_t group;
  uint64_t mtime_ns;
};

static inline struct change change_of(const struct file_request *file) {
  return (struct change){
      .has_mode = file->has_mode,
      .has_owner = file->has_group,
      .has_time = file->has_time,
      .mode = file->mode,
      .user = file->has_user ? file->user : (uid_t)-1,
      .group = file->group,
      .mtime_ns = file->mtime_ns,
  };
}

/* `path` alone. Does not block. */
bool change_path(const char *path, bool follow, const struct change *change, struct outcome *outcome);
/* A directory and all below it, links themselves included: they have no mode, but an owner and a time. For workers only. */
bool change_tree(const char *path, bool follow, const struct change *change, struct outcome *outcome);

#endif
