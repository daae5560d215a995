/* Frames, fields and the sync word, without a process or a descriptor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "environment.h"
#include "fields.h"
#include "frame.h"
#include "golden.h"
#include "ring.h"
#include "set.h"
#include "sync.h"
#include "tap.h"

static struct receiver receiver;

static void restart(void) { memset(&receiver, 0, sizeof receiver); }

static void feed(const void *bytes, size_t size) {
  size_t room;
  uint8_t *at = receiver_space(&receiver, &room);
  if (size > room) abort();
  memcpy(at, bytes, size);
  receiver_filled(&receiver, size);
}

static void test_golden(const struct golden *all, size_t count) {
  struct frame frame;
  fact("every golden frame is read to the bytes its text tells");
  for (size_t i = 0; i < count; i++) {
    restart();
    feed(sync_word, SYNC_SIZE);
    feed(all[i].bytes, all[i].size);
    EXPECT(receiver_next(&receiver, &frame) == RECEIVED_SYNC);
    EXPECT(receiver_next(&receiver, &frame) == RECEIVED_FRAME);
    EXPECT(golden_matches(&all[i], &frame));
    EXPECT(receiver_next(&receiver, &frame) == RECEIVED_NOTHING);
  }
  fact("every golden text is written to its bytes");
  for (size_t i = 0; i < count; i++) {
    static uint8_t bytes[HEADER_SIZE + MAX_PAYLOAD];
    size_t size = golden_write(&all[i], bytes);
    EXPECT(size == all[i].size && memcmp(bytes, all[i].bytes, size) == 0);
  }
  fact("a golden frame that arrives byte by byte is the same frame");
  for (size_t i = 0; i < count; i++) {
    restart();
    feed(sync_word, SYNC_SIZE);
    EXPECT(receiver_next(&receiver, &frame) == RECEIVED_SYNC);
    for (size_t at = 0; at < all[i].size; at++) {
      EXPECT(receiver_next(&receiver, &frame) == RECEIVED_NOTHING);
      feed(all[i].bytes + at, 1);
    }
    EXPECT(receiver_next(&receiver, &frame) == RECEIVED_FRAME && golden_matches(&all[i], &frame));
  }
}

static void test_sync(void) {
  struct frame frame;
  uint8_t header[HEADER_SIZE];
  fact("the sync word is found at every offset, split at every place");
  for (size_t offset = 0; offset < 40; offset++) {
    uint8_t stream[64];
    memset(stream, 0xff, sizeof stream);
    memcpy(stream + offset, sync_word, SYNC_SIZE);
    for (size_t split = 0; split <= offset + SYNC_SIZE; split++) {
      restart();
      feed(stream, split);
      enum received first = receiver_next(&receiver, &frame);
      feed(stream + split, offset + SYNC_SIZE - split);
      EXPECT(first == RECEIVED_SYNC || receiver_next(&receiver, &frame) == RECEIVED_SYNC);
      EXPECT(receiver.in_session);
    }
  }
  fact("the sync word is found inside an incomplete frame, however much of it is there and wherever reads end");
  for (size_t present = 0; present < 48; present++) {
    for (size_t split = 0; split <= present + SYNC_SIZE; split++) {
      uint8_t stream[64] = {0};
      frame_header(header, 30, 1, TYPE_DATA, 0);
      memcpy(stream, header, present < HEADER_SIZE ? present : HEADER_SIZE);
      memcpy(stream + present, sync_word, SYNC_SIZE);
      restart();
      receiver.in_session = true;
      int syncs = 0;
      enum received received;
      feed(stream, split);
      while ((received = receiver_next(&receiver, &frame)) != RECEIVED_NOTHING) syncs += received == RECEIVED_SYNC;
      feed(stream + split, present + SYNC_SIZE - split);
      while ((received = receiver_next(&receiver, &frame)) != RECEIVED_NOTHING) syncs += received == RECEIVED_SYNC;
      EXPECT(syncs == 1 && receiver.in_session);
    }
  }
  fact("frames that were complete before the sync word are delivered before it");
  restart();
  feed(sync_word, SYNC_SIZE);
  frame_header(header, 0, 7, TYPE_CANCEL, 0);
  feed(header, sizeof header);
  feed(sync_word, SYNC_SIZE);
  EXPECT(receiver_next(&receiver, &frame) == RECEIVED_SYNC);
  EXPECT(receiver_next(&receiver, &frame) == RECEIVED_FRAME && frame.id == 7);
  EXPECT(receiver_next(&receiver, &frame) == RECEIVED_SYNC);
  EXPECT(receiver_next(&receiver, &frame) == RECEIVED_NOTHING);
  fact("bytes before the first sync word are dropped");
  restart();
  feed(header, sizeof header);
  EXPECT(receiver_next(&receiver, &frame) == RECEIVED_NOTHING);
  size_t room;
  receiver_space(&receiver, &room);
  EXPECT(room == sizeof receiver.buffer);
}

static void test_lengths(void) {
  struct frame frame;
  uint8_t bytes[HEADER_SIZE + MAX_PAYLOAD];
  fact("a frame of 65,536 bytes of payload is read");
  restart();
  receiver.in_session = true;
  memset(bytes, 0xaa, sizeof bytes);
  frame_header(bytes, MAX_PAYLOAD, 1, TYPE_DATA, 0);
  feed(bytes, sizeof bytes);
  EXPECT(receiver_next(&receiver, &frame) == RECEIVED_FRAME && frame.length == MAX_PAYLOAD);
  EXPECT(receiver_next(&receiver, &frame) == RECEIVED_NOTHING);
  fact("a length of 65,537 is refused as soon as it is there, and all is dropped until the next sync word");
  restart();
  receiver.in_session = true;
  feed((uint8_t[]){0, 1, 0, 1}, 4);
  EXPECT(receiver_next(&receiver, &frame) == RECEIVED_TOO_LONG);
  frame_header(bytes, 0, 1, TYPE_CANCEL, 0);
  feed(bytes, HEADER_SIZE);
  EXPECT(receiver_next(&receiver, &frame) == RECEIVED_NOTHING);
  feed(sync_word, SYNC_SIZE);
  EXPECT(receiver_next(&receiver, &frame) == RECEIVED_SYNC);
}

static void test_fields(void) {
  fact("a field that runs past the payload is malformed");
  EXPECT(!fields_valid((const uint8_t[]){0, 14, 0, 0, 0, 2, 'a'}, 7));
  EXPECT(!fields_valid((const uint8_t[]){0, 14, 255, 255, 255, 255, 'a'}, 7));
  fact("half a field header is malformed");
  for (size_t size = 1; size < 6; size++) EXPECT(!fields_valid((const uint8_t[]){0, 99, 0, 0, 0}, size));
  fact("a NUL byte makes a string malformed, but not a field of an unknown tag");
  EXPECT(!fields_valid((const uint8_t[]){0, 14, 0, 0, 0, 1, 0}, 7));
  EXPECT(fields_valid((const uint8_t[]){3, 14, 0, 0, 0, 1, 0}, 7));
  fact("an empty list and an empty field are well formed");
  EXPECT(fields_valid(NULL, 0));
  EXPECT(fields_valid((const uint8_t[]){0, 14, 0, 0, 0, 0}, 6));
  fact("a string is terminated in place, with its neighbours unharmed");
  uint8_t list[] = {0, 14, 0, 0, 0, 2, 'a', 'b', 0, 14, 0, 0, 0, 1, 'c'};
  struct field_reader reader = fields_read(list, sizeof list);
  struct field first, second;
  EXPECT(fields_next(&reader, &first) && fields_next(&reader, &second));
  const char *a = field_string(&first);
  const char *b = field_string(&second);
  EXPECT(strcmp(a, "ab") == 0 && strcmp(b, "c") == 0);
  fact("a number of the wrong size is no number");
  uint32_t number;
  EXPECT(!field_u32(&(struct field){.length = 3, .bytes = list}, &number));
}

static void test_environment(void) {
  char *list[MAX_OWN_VARIABLES + BASE_VARIABLES + 3];
  fact("later variables replace earlier ones of the same name: base, then the VM's own, then the request's");
  environment_begin();
  environment_add("LANG=de_DE.UTF-8");
  environment_add("A=1");
  environment_add("A=2");
  size_t count = environment_start(list);
  EXPECT(count == BASE_VARIABLES + 1);
  EXPECT(strcmp(environment_get(list, "LANG"), "de_DE.UTF-8") == 0 && strcmp(environment_get(list, "A"), "2") == 0);
  char request[] = "A=3";
  EXPECT(environment_put(list, count, count, request) == count);
  EXPECT(strcmp(environment_get(list, "A"), "3") == 0);
  fact("what is not NAME=value is no variable");
  EXPECT(!environment_is_variable("=x") && !environment_is_variable("x") && environment_is_variable("x="));
  environment_begin();
}

static void test_sets(void) {
  static const unsigned members[] = {0, 1, 63, 64, 127, 128, 200, 255};
  enum { COUNT = sizeof members / sizeof *members };
  struct set set = {0};
  fact("the members of a set are found in their order, across its words, and from any of them on");
  EXPECT(set_is_empty(&set) && set_next(&set, 0) == MAX_REQUESTS && set_first_absent(&set) == 0);
  for (size_t i = COUNT; i-- > 0;) set_add(&set, members[i]);
  unsigned next = set_next(&set, 0);
  for (size_t i = 0; i < COUNT; i++, next = set_next(&set, next + 1)) EXPECT(next == members[i] && set_has(&set, next));
  EXPECT(next == MAX_REQUESTS && !set_has(&set, 2) && set_first_absent(&set) == 2);
  set_remove(&set, 64);
  EXPECT(!set_has(&set, 64) && set_next(&set, 64) == 127);
  fact("a full set has no absent place, and a place that is given back is the first again");
  for (unsigned i = 0; i < MAX_REQUESTS; i++) set_add(&set, i);
  EXPECT(set_first_absent(&set) == MAX_REQUESTS);
  set_remove(&set, 254);
  EXPECT(set_first_absent(&set) == 254);
}

int main(int argc, char **argv) {
  static struct golden all[MAX_GOLDEN];
  bool corpus = argc == 4 && strcmp(argv[1], "--corpus") == 0;
  size_t count = golden_load(all, argv[argc - 1]);
  if (corpus) return golden_corpus(all, count, argv[2]);
  fact("the golden file holds frames");
  EXPECT(count > 20);
  test_golden(all, count);
  test_sync();
  test_lengths();
  test_fields();
  test_environment();
  test_sets();
  return conclude();
}
