#include "golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "fields.h"
#include "sync.h"

struct name {
  const char *name;
  uint16_t number;
};

static const struct name types[] = {
    {"HELLO", TYPE_HELLO}, {"REQUEST", TYPE_REQUEST}, {"CONTROL", TYPE_CONTROL}, {"CANCEL", TYPE_CANCEL},
    {"DATA", TYPE_DATA},   {"END", TYPE_END},         {"CREDIT", TYPE_CREDIT},   {"WELCOME", TYPE_WELCOME},
    {"STARTED", TYPE_STARTED}, {"RESULT", TYPE_RESULT}, {"GOAWAY", TYPE_GOAWAY}, {"SKIPPED", TYPE_SKIPPED}, {"EXITED", TYPE_EXITED},
    {NULL, 0},
};

static const struct name tags[] = {
    {"VERSION", 1},  {"NONCE", 2},      {"AGENT", 3},     {"MAX_REQUESTS", 4}, {"WINDOW", 5},    {"METHOD", 6},
    {"STATUS", 7},   {"ERRNO", 8},      {"MESSAGE", 9},   {"PID", 10},         {"EXIT_CODE", 11}, {"SIGNAL", 12},
    {"DURATION_US", 13}, {"ARG", 14},   {"ENV", 15},      {"CWD", 16},         {"FLAGS", 17},    {"GRACE_MS", 18},
    {"HOSTNAME", 19}, {"CLOCK_NS", 20}, {"ENTROPY", 21},  {"ADDRESS", 22},     {"GATEWAY", 23},  {"RESOLVER", 24},
    {"GROW_ROOT", 25}, {"COLUMNS", 26}, {"ROWS", 27},     {"USER", 28},        {"UID", 29},       {"GID", 30},
    {"PROCESS", 31}, {"NAME", 32},      {"OOM_KILLED", 33}, {"START_NS", 34},  {"STREAM", 35},    {"SKIPPED", 36},
    {"PATH", 37},    {"TARGET", 38},    {"OFFSET", 39},   {"LENGTH", 40},      {"MODE", 41},      {"SIZE", 42},
    {"MTIME_NS", 43}, {"CTIME_NS", 44}, {"INODE", 45},    {"LINKS", 46},       {"EVENT", 47},     {"PORT", 48},
    {"MACHINE_ID", 49}, {"MAC", 50},    {"SSH_HOST_KEY", 51}, {"SSH_HOST_PUBLIC_KEY", 52}, {"NEW_IDENTITY", 53},
    {"LIFETIME_MS", 54}, {"IDLE_MS", 55}, {"BUSY_US", 56},
    {NULL, 0},
};

static uint16_t number_of(const struct name *names, const char *name) {
  while (names->name != NULL && strcmp(names->name, name) != 0) names++;
  return names->number;
}

static size_t from_hex(const char *hex, uint8_t *bytes) {
  size_t size = 0;
  unsigned value;
  while (size < MAX_GOLDEN_SIZE && sscanf(hex + 2 * size, "%2x", &value) == 1) bytes[size++] = (uint8_t)value;
  return size;
}

size_t golden_load(struct golden *all, const char *path) {
  static char line[8192];
  size_t count = 0;
  FILE *file = fopen(path, "r");
  if (file == NULL) return 0;
  while (count < MAX_GOLDEN && fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    char *text = strstr(line, " | ");
    char *bytes = text == NULL ? NULL : strstr(text + 3, " | ");
    if (line[0] == '#' || bytes == NULL) continue;
    *bytes = '\0';
    snprintf(all[count].text, sizeof all[count].text, "%s", text + 3);
    all[count].size = from_hex(bytes + 3, all[count].bytes);
    count++;
  }
  fclose(file);
  return count;
}

static void write_part(struct field_writer *fields, char *part) {
  uint8_t bytes[MAX_GOLDEN_SIZE];
  char *value = strchr(part, '=');
  if (value == NULL) return;
  *value++ = '\0';
  if (strcmp(part, "credit") == 0) {
    put_u32(fields->bytes, (uint32_t)strtoul(value, NULL, 10));
    fields->used = 4;
  } else if (strcmp(part, "bytes") == 0) {
    fields->used = from_hex(value, fields->bytes);
  } else {
    fields_put(fields, number_of(tags, part), bytes, from_hex(value, bytes));
  }
}

size_t golden_write(const struct golden *golden, uint8_t *bytes) {
  char text[MAX_GOLDEN_SIZE];
  char type[32];
  unsigned id, stream;
  struct field_writer fields = {.bytes = bytes + HEADER_SIZE, .size = MAX_PAYLOAD};
  snprintf(text, sizeof text, "%s", golden->text);
  if (sscanf(text, "%31s %u %u", type, &id, &stream) != 3) return 0;
  for (char *part = strtok(text, " "); part != NULL; part = strtok(NULL, " ")) write_part(&fields, part);
  frame_header(bytes, (uint32_t)fields.used, id, (uint8_t)number_of(types, type), (uint8_t)stream);
  return HEADER_SIZE + fields.used;
}

bool golden_matches(const struct golden *golden, const struct frame *frame) {
  uint8_t bytes[HEADER_SIZE + MAX_GOLDEN_SIZE];
  frame_header(bytes, frame->length, frame->id, frame->type, frame->stream);
  if (golden->size != HEADER_SIZE + (size_t)frame->length || frame->reserved != 0) return false;
  memcpy(bytes + HEADER_SIZE, frame->payload, frame->length);
  uint8_t *told = malloc(HEADER_SIZE + MAX_PAYLOAD);
  bool same = told != NULL && golden_write(golden, told) == golden->size && memcmp(told, bytes, golden->size) == 0;
  free(told);
  return same;
}

static FILE *seed(const char *directory, size_t number) {
  char path[512];
  snprintf(path, sizeof path, "%s/golden-%zu", directory, number);
  FILE *file = fopen(path, "w");
  if (file == NULL) perror(path);
  else fwrite(sync_word, 1, SYNC_SIZE, file);
  return file;
}

int golden_corpus(const struct golden *all, size_t count, const char *directory) {
  for (size_t i = 0; i <= count; i++) {
    FILE *file = seed(directory, i);
    if (file == NULL) return 1;
    if (i != 0 && i < count) fwrite(all[0].bytes, 1, all[0].size, file);
    /* The last seed is a whole session: every frame that a host sends, in the file's order. */
    for (size_t at = i < count ? i : 0; at < (i < count ? i + 1 : count); at++) {
      if (i < count || all[at].bytes[8] < TYPE_WELCOME) fwrite(all[at].bytes, 1, all[at].size, file);
    }
    fclose(file);
  }
  return count == 0;
}
