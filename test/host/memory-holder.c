// Holds memory as a VMM does: `memory-holder BYTES [FILE]` maps so much, of the file privately or of nothing, prints the
// address, and does what lines on stdin say. Each is answered with "ok".
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096 };

static void fill(uint64_t *words, uint64_t seed, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    seed += 0x9e3779b97f4a7c15;
    uint64_t mixed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9;
    words[i] = mixed ^ (mixed >> 27);
  }
}

static int dump(const char *path, const unsigned char *memory, size_t size) {
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  for (size_t done = 0; file >= 0 && done < size;) {
    ssize_t written = write(file, memory + done, size - done);
    if (written < 0) return -1;
    done += (size_t)written;
  }
  return file < 0 ? -1 : close(file);
}

int main(int argc, char **argv) {
  size_t size = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
  int file = argc > 2 ? open(argv[2], O_RDONLY) : -1;
  int kind = file < 0 ? MAP_ANONYMOUS : 0;
  unsigned char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | kind, file, 0);
  if (memory == MAP_FAILED || (argc > 2 && file < 0)) return 1;
  printf("%" PRIuPTR "\n", (uintptr_t)memory);
  fflush(stdout);

  char line[4096], what[16], path[2048];
  while (fgets(line, sizeof line, stdin) != NULL) {
    uint64_t page, count, seed = 0;
    if (sscanf(line, "dump %2047s", path) == 1) {
      if (dump(path, memory, size) != 0) return 1;
    } else if (sscanf(line, "%15s %" SCNu64 " %" SCNu64 " %" SCNu64, what, &page, &count, &seed) >= 3) {
      unsigned char *start = memory + page * PAGE_BYTES;
      size_t length = count * PAGE_BYTES;
      volatile unsigned char seen = 0;
      if (length > size - page * PAGE_BYTES) return 1;
      if (strcmp(what, "data") == 0) fill((uint64_t *)(void *)start, seed, length / 8);
      else if (strcmp(what, "zero") == 0) memset(start, 0, length);
      else if (strcmp(what, "drop") == 0) madvise(start, length, MADV_DONTNEED);
      else if (strcmp(what, "look") == 0) for (size_t at = 0; at < length; at += PAGE_BYTES) seen = start[at];
      else return 1;
      (void)seen;
    } else {
      return 1;
    }
    puts("ok");
    fflush(stdout);
  }
  return 0;
}
