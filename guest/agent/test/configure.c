/* CONFIGURE: what it accepts, and what it does with it. Nothing reaches the machine that runs this. */
#include "configure.h"

#include <string.h>

#include "clock.h"
#include "environment.h"
#include "fake-system.h"
#include "fields.h"
#include "lifetime.h"
#include "tap.h"

#define PRIVATE_KEY "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n"
#define PUBLIC_KEY "ssh-ed25519 AAAA vm\n"

static uint8_t payload[MAX_PAYLOAD];
static struct field_writer fields;
static struct outcome outcome;

static void begin(void) {
  fields = (struct field_writer){.bytes = payload, .size = sizeof payload};
  outcome = (struct outcome){.status = STATUS_OK};
  fake_system_log[0] = '\0';
}

static void put_text(uint16_t tag, const char *text) { fields_put(&fields, tag, text, strlen(text)); }

static bool configure(void) {
  struct configuration configuration;
  struct frame frame = {.payload = payload, .length = (uint32_t)fields.used};
  return configuration_parse(&configuration, &frame, &outcome) && configuration_apply(&configuration, &outcome);
}

static bool refuses(uint16_t tag, const char *text) {
  begin();
  put_text(tag, text);
  return !configure() && outcome.status == STATUS_BAD_REQUEST && outcome.message[0] != '\0';
}

static bool refuses_key(const char *private_key, const char *public_key) {
  begin();
  put_text(TAG_SSH_HOST_KEY, private_key);
  put_text(TAG_SSH_HOST_PUBLIC_KEY, public_key);
  return !configure() && outcome.status == STATUS_BAD_REQUEST && fake_system_log[0] == '\0';
}

int main(void) {
  fact("what is present is applied in the order of the protocol, whatever the order of the fields");
  begin();
  fields_put_u32(&fields, TAG_GROW_ROOT, 1);
  put_text(TAG_RESOLVER, "10.0.2.3");
  put_text(TAG_RESOLVER, "fd00::3");
  put_text(TAG_GATEWAY, "10.0.2.2");
  put_text(TAG_ADDRESS, "10.0.2.15/24");
  fields_put(&fields, TAG_MAC, "\x02\x00\x5e\x10\xff\x01", MAC_SIZE);
  put_text(TAG_MACHINE_ID, "0123456789abcdef0123456789abcdef");
  put_text(TAG_HOSTNAME, "sbx-1a2b3c");
  fields_put_u64(&fields, TAG_CLOCK_NS, 1767225600000000000u);
  put_text(TAG_ENTROPY, "0123456789abcdef");
  EXPECT(configure() && outcome.status == STATUS_OK);
  EXPECT(strcmp(fake_system_log, "clock set\nentropy some\nhostname sbx-1a2b3c\n"
                                 "machine-id 0123456789abcdef0123456789abcdef\nmac 02:00:5e:10:ff:01\naddress 0a00020f/24\ngateway 0a000202\n"
                                 "resolver 10.0.2.3\nresolver fd00::3\ngrow root\n") == 0);
  fact("the key of the SSH server, and what else a copy may not share, come before the network");
  begin();
  fields_put(&fields, TAG_MAC, "\x02\x00\x5e\x10\xff\x01", MAC_SIZE);
  fields_put_u32(&fields, TAG_NEW_IDENTITY, 1);
  put_text(TAG_SSH_HOST_PUBLIC_KEY, PUBLIC_KEY);
  put_text(TAG_SSH_HOST_KEY, PRIVATE_KEY);
  put_text(TAG_MACHINE_ID, "0123456789abcdef0123456789abcdef");
  EXPECT(configure() && strcmp(fake_system_log, "machine-id 0123456789abcdef0123456789abcdef\nssh-host-key some\n"
                               "ssh-host-public-key " PUBLIC_KEY "\nrenew 0123456789abcdef0123456789abcdef\n"
                               "mac 02:00:5e:10:ff:01\n") == 0);
  begin();
  fields_put_u32(&fields, TAG_NEW_IDENTITY, 1);
  EXPECT(configure() && strcmp(fake_system_log, "renew seeds\n") == 0);
  fact("half a host key, or what is none, is BAD_REQUEST");
  EXPECT(refuses(TAG_SSH_HOST_KEY, PRIVATE_KEY) && refuses(TAG_SSH_HOST_PUBLIC_KEY, PUBLIC_KEY));
  EXPECT(refuses_key("", PUBLIC_KEY) && refuses_key("x\n", PUBLIC_KEY) && refuses_key(PRIVATE_KEY "x", PUBLIC_KEY));
  EXPECT(refuses_key(PRIVATE_KEY, "") && refuses_key(PRIVATE_KEY, "ssh-rsa AAAA\n"));
  EXPECT(refuses_key(PRIVATE_KEY, "ssh-ed25519 AAAA") && refuses_key(PRIVATE_KEY, "ssh-ed25519 A\nssh-ed25519 B\n"));
  static char long_key[MAX_SSH_HOST_KEY + 2] = PRIVATE_KEY;
  memset(long_key + strlen(long_key), '\n', MAX_SSH_HOST_KEY + 1 - strlen(long_key));
  EXPECT(refuses_key(long_key, PUBLIC_KEY));
  long_key[MAX_SSH_HOST_KEY] = '\0';
  EXPECT(!refuses_key(long_key, PUBLIC_KEY));
  fact("a lifetime begins anew with each CONFIGURE that has one, and 0 ends it");
  begin();
  fields_put_u64(&fields, TAG_LIFETIME_MS, 60000);
  uint64_t now = monotonic_us();
  EXPECT(configure() && lifetime_end_us() >= now + 60000000u && lifetime_end_us() < now + 61000000u);
  uint64_t end = lifetime_end_us();
  begin();
  EXPECT(configure() && lifetime_end_us() == end);
  begin();
  fields_put_u64(&fields, TAG_LIFETIME_MS, UINT64_MAX);
  EXPECT(configure() && lifetime_end_us() == 0);
  begin();
  fields_put_u64(&fields, TAG_LIFETIME_MS, 1);
  EXPECT(configure() && lifetime_end_us() != 0);
  begin();
  fields_put_u64(&fields, TAG_LIFETIME_MS, 0);
  EXPECT(configure() && lifetime_end_us() == 0 && refuses(TAG_LIFETIME_MS, "1234"));
  fact("an empty CONFIGURE changes nothing");
  begin();
  EXPECT(configure() && fake_system_log[0] == '\0');
  fact("one malformed field keeps all of them from being applied");
  begin();
  put_text(TAG_HOSTNAME, "good");
  put_text(TAG_ADDRESS, "10.0.2.15");
  EXPECT(!configure() && outcome.status == STATUS_BAD_REQUEST && fake_system_log[0] == '\0');
  fact("malformed addresses are BAD_REQUEST");
  const char *const addresses[] = {"", "/", "1.2.3.4", "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/024", "1.2.3/8", "1.2.3.4/8x", "::1/64",
                                   "1.2.3.4/-1", "999.1.1.1/8", "1.2.3.4.5.6.7.8.9/8"};
  for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) EXPECT(refuses(TAG_ADDRESS, addresses[i]));
  EXPECT(refuses(TAG_GATEWAY, "gateway") && refuses(TAG_RESOLVER, "10.0.2.3\nsearch evil"));
  fact("malformed hostnames are BAD_REQUEST");
  EXPECT(refuses(TAG_HOSTNAME, "") && refuses(TAG_HOSTNAME, "a b") && refuses(TAG_HOSTNAME, "-a"));
  EXPECT(refuses(TAG_HOSTNAME, "a\nb") && refuses(TAG_HOSTNAME, "\xc3\xbc"));
  EXPECT(refuses(TAG_HOSTNAME, "0123456789012345678901234567890123456789012345678901234567890123"));
  fact("a machine id that is not 32 digits, and a MAC that is not 6 bytes of one machine, are BAD_REQUEST");
  EXPECT(refuses(TAG_MACHINE_ID, "") && refuses(TAG_MACHINE_ID, "0123456789abcdef0123456789abcde"));
  EXPECT(refuses(TAG_MACHINE_ID, "0123456789ABCDEF0123456789ABCDEF") && refuses(TAG_MACHINE_ID, "../../etc/passwd-0123456789abcdef"));
  EXPECT(refuses(TAG_MAC, "12345") && refuses(TAG_MAC, "1234567") && refuses(TAG_MAC, "\x01" "2345"));
  EXPECT(refuses(TAG_MAC, "\x01\x02\x03\x04\x05\x06"));
  fact("numbers of the wrong size and out of range are BAD_REQUEST");
  EXPECT(refuses(TAG_CLOCK_NS, "1234") && refuses(TAG_CLOCK_NS, "\xff\xff\xff\xff\xff\xff\xff\xff"));
  EXPECT(refuses(TAG_GROW_ROOT, "12345") && refuses(TAG_GROW_ROOT, "1234"));
  EXPECT(refuses(TAG_NEW_IDENTITY, "12345") && refuses(TAG_NEW_IDENTITY, "1234"));
  fact("entropy over 512 bytes is BAD_REQUEST");
  begin();
  static const uint8_t entropy[MAX_ENTROPY + 1];
  fields_put(&fields, TAG_ENTROPY, entropy, sizeof entropy);
  EXPECT(!configure() && outcome.status == STATUS_BAD_REQUEST);
  fact("a step that fails is told with its errno, and what follows is not done");
  begin();
  put_text(TAG_GATEWAY, "0.0.0.0");
  fields_put_u32(&fields, TAG_GROW_ROOT, 1);
  EXPECT(!configure() && outcome.status == STATUS_SYSTEM && outcome.error == 101 && fake_system_log[0] == '\0');
  fact("ENV replaces the VM's own variables as a whole, and a CONFIGURE without ENV leaves them");
  char *list[BASE_VARIABLES + MAX_OWN_VARIABLES + 1];
  begin();
  put_text(TAG_ENV, "ONE=1");
  put_text(TAG_ENV, "TWO=2");
  EXPECT(configure());
  begin();
  put_text(TAG_ENV, "TWO=line\n\"quoted\"");
  EXPECT(configure());
  begin();
  EXPECT(configure());
  environment_start(list);
  EXPECT(environment_get(list, "ONE") == NULL && strcmp(environment_get(list, "TWO"), "line\n\"quoted\"") == 0);
  EXPECT(refuses(TAG_ENV, "=x") && refuses(TAG_ENV, "x"));
  fact("FLAGS bit 0 replaces the variables also by none, and login shells hear of every change");
  begin();
  put_text(TAG_ENV, "A=1");
  put_text(TAG_ENV, "B=2");
  EXPECT(configure() && strcmp(fake_system_log, "variable A=1\nvariable B=2\n") == 0);
  begin();
  fields_put_u32(&fields, TAG_FLAGS, 0);
  EXPECT(configure() && fake_system_log[0] == '\0');
  begin();
  fields_put_u32(&fields, TAG_FLAGS, CONFIGURE_REPLACES_ENV);
  EXPECT(configure() && strcmp(fake_system_log, "variables none\n") == 0);
  environment_start(list);
  EXPECT(environment_get(list, "A") == NULL && refuses(TAG_FLAGS, "12345"));
  return conclude();
}
