// Tells of Redis commands that lose data, stop or block the server, or make it do what an attacker wants. Each client's command once in a while:
// a script that sends KEYS in a loop is one finding.
#include "hookline_sdk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *command;
  // The first argument that makes it dangerous; NULL for any.
  const char *argument;
  hl_severity severity;
  const char *why;
} danger;

static const danger DANGERS[] = {
    {"FLUSHALL", NULL, HL_CRITICAL, "deletes the keys of all databases"},
    {"FLUSHDB", NULL, HL_CRITICAL, "deletes the database's keys"},
    {"SHUTDOWN", NULL, HL_CRITICAL, "stops the server"},
    {"DEBUG", NULL, HL_CRITICAL, "can crash or block the server"},
    {"SLAVEOF", NULL, HL_CRITICAL, "replaces the data by another server's"},
    {"REPLICAOF", NULL, HL_CRITICAL, "replaces the data by another server's"},
    {"MODULE", "LOAD", HL_CRITICAL, "runs native code in the server"},
    {"CONFIG", "SET", HL_WARNING, "changes the server, which attackers use to write files"},
    {"CONFIG", "REWRITE", HL_WARNING, "writes the server's configuration file"},
    {"KEYS", NULL, HL_WARNING, "blocks the server while it looks at every key: use SCAN"},
    {"SAVE", NULL, HL_WARNING, "blocks the server while it writes: use BGSAVE"},
    {"MONITOR", NULL, HL_WARNING, "shows every client's commands, and slows the server down"},
};
enum { DANGER_COUNT = sizeof DANGERS / sizeof *DANGERS };

// In the order of the columns.
static const char *const FIELDS[] = {"request.command", "request.args[0]", "src.ip", "dst.ip"};
enum { COMMAND, ARGUMENT, CLIENT, SERVER, FIELD_COUNT };

// What was told last, and when. Beyond so many, the one told longest ago is told again sooner than it should be.
enum { TOLD_MAX = 512 };
static struct {
  uint64_t what, at;
} told[TOLD_MAX];
static uint64_t quiet_ns;
static uint32_t seen;

const char *hook_init(void) {
  char minutes[16];
  const unsigned long long quiet = hl_config("quiet_minutes", minutes, sizeof minutes) ? strtoull(minutes, NULL, 10) : 10;
  quiet_ns = quiet * 60 * 1000000000;
  seen = hl_counter("redis_dangerous_commands", "Redis commands that are dangerous");
  // The host runs the filter: other commands never get here.
  char filter[1024] = "redis and (";
  for (int i = 0; i < DANGER_COUNT; i++) {
    size_t len = strlen(filter);
    snprintf(filter + len, sizeof filter - len, "%srequest.command == \"%s\"", i ? " or " : "", DANGERS[i].command);
  }
  strncat(filter, ")", sizeof filter - strlen(filter) - 1);
  return hl_items_matching(filter, FIELDS, FIELD_COUNT);
}

// Compares as Redis does: capitals do not matter.
static bool is(hl_text text, const char *name) {
  if (text.len != strlen(name))
    return false;
  for (size_t i = 0; i < text.len; i++)
    if ((text.ptr[i] & ~0x20) != name[i])
      return false;
  return true;
}

static const danger *danger_of(hl_text command, hl_text argument) {
  for (int i = 0; i < DANGER_COUNT; i++)
    if (is(command, DANGERS[i].command) && (!DANGERS[i].argument || is(argument, DANGERS[i].argument)))
      return &DANGERS[i];
  return NULL;
}

// FNV-1a.
static uint64_t hash(uint64_t hash, hl_text text) {
  for (size_t i = 0; i < text.len; i++)
    hash = (hash ^ (unsigned char)text.ptr[i]) * 0x100000001b3;
  return (hash ^ 0xff) * 0x100000001b3;
}

// Whether this was told in the time to be quiet; else it counts as told now.
static bool was_told(uint64_t what) {
  const uint64_t now = hookline_hooks_config_now();
  size_t oldest = 0;
  for (size_t i = 0; i < TOLD_MAX; i++) {
    if (told[i].what == what && told[i].at + quiet_ns > now)
      return true;
    if (told[i].at < told[oldest].at)
      oldest = i;
  }
  told[oldest].what = what;
  told[oldest].at = now;
  return false;
}

void hook_items(uint32_t subscription, uint32_t count, const hl_column *columns, hl_items items) {
  (void)subscription, (void)items;
  for (uint32_t row = 0; row < count; row++) {
    const hl_text command = hl_text_of(&columns[COMMAND], row), argument = hl_text_of(&columns[ARGUMENT], row);
    const hl_text client = hl_text_of(&columns[CLIENT], row), server = hl_text_of(&columns[SERVER], row);
    const danger *danger = danger_of(command, argument);
    if (!danger)
      continue;
    hl_add(seen, 1);
    if (was_told(hash(hash(hash(0xcbf29ce484222325 + (uint64_t)(danger - DANGERS), client), server), command)))
      continue;
    char title[256];
    snprintf(title, sizeof title, "Redis %s%s%s from %.*s to %.*s", danger->command, danger->argument ? " " : "", danger->argument ? danger->argument : "",
             (int)client.len, client.ptr, (int)server.len, server.ptr);
    hl_alert(danger->severity, title, danger->why, row);
  }
}
