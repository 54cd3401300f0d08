// Write Hookline plugins in C: implement hook_init, and those of the other hook_… functions that the plugin needs.
//
// hookline.h has the whole contract, as wit-bindgen makes it of wit/; this header has what most plugins use, without its ownership rules:
// what is passed in is only read, and what comes out belongs to nobody.
#ifndef HOOKLINE_SDK_H
#define HOOKLINE_SDK_H

#include "hookline.h"

#ifdef __cplusplus
extern "C" {
#endif

// Text that need not end with a zero byte. UTF-8.
typedef struct {
  const char *ptr;
  size_t len;
} hl_text;

// One field of every item of a batch.
typedef hookline_hooks_types_column_t hl_column;
// The items of a batch, for what is not in the columns.
typedef hookline_hooks_batch_borrow_item_batch_t hl_items;

typedef enum { HL_INFO, HL_WARNING, HL_CRITICAL } hl_severity;
typedef enum { HL_LOG_DEBUG, HL_LOG_INFO, HL_LOG_WARN, HL_LOG_ERROR } hl_level;

// ---- what a plugin implements -----------------------------------------------------------------------------------------------------------

// Subscribes. A text is shown to the user, and the plugin is not run; NULL if all is well.
const char *hook_init(void);
// Items that matched subscription number `subscription`: `columns[k]` is its k-th field, with `count` values.
void hook_items(uint32_t subscription, uint32_t count, const hl_column *columns, hl_items items);
// The same of packets.
void hook_packets(uint32_t subscription, uint32_t count, const hl_column *columns);
// Flows that opened or closed.
void hook_flows(uint32_t subscription, uint32_t count, const hl_column *columns);
// A message of a plugin, on a topic that the manifest grants; `payload` is JSON. A text is logged; NULL if all is well.
const char *hook_message(hl_text topic, hl_text payload, hl_text from);
// A job that is due. A text is logged; NULL if all is well.
const char *hook_job(hl_text tag);
// The plugin ends.
void hook_shutdown(void);

// ---- what it may call -------------------------------------------------------------------------------------------------------------------

// Subscribe to items that match `filter`, with `fields` as columns; the first subscription has the number 0, the next 1, and so on. To be called
// in hook_init. Returns NULL, or what is wrong with the filter or a field.
const char *hl_items_matching(const char *filter, const char *const *fields, size_t field_count);
// The same for packets; numbers begin at 0 too.
const char *hl_packets_matching(const char *filter, const char *const *fields, size_t field_count);

// The same for flows; numbers begin at 0 too.
const char *hl_flows_matching(const char *filter, const char *const *fields, size_t field_count);

// The value of a column in one row: false where the item has no such field.
bool hl_u64(const hl_column *column, uint32_t row, uint64_t *value);
bool hl_f64(const hl_column *column, uint32_t row, double *value);
// Empty where the item has no such field, and for columns of numbers.
hl_text hl_text_of(const hl_column *column, uint32_t row);

// Raises an alert; `item` is the row of the item that it is about, or -1. False if the host refuses it: its rate is used up.
bool hl_alert(hl_severity severity, const char *title, const char *text, int64_t item);
// Publishes a JSON object for subscribers. False if it is none, or the rate is used up.
bool hl_publish(const char *name, const char *json);
// Asks an action to do something; `args` is a JSON object. False without a grant.
bool hl_action(const char *kind, const char *args);
// Sends JSON to the plugins that are granted the topic. False if this one is not, or its rate is used up.
bool hl_send(const char *topic, const char *json);
// A line of the plugin's log.
void hl_log(hl_level level, const char *text);
// A counter's number for hl_add; UINT32_MAX if the name is no metric name, or there are too many series.
uint32_t hl_counter(const char *name, const char *help);
void hl_add(uint32_t counter, double n);
// A value of the manifest's [config]; false if there is none. What does not fit into `size` bytes, with a zero byte at its end, is cut.
bool hl_config(const char *key, char *value, size_t size);
// Calls hook_job(tag) by the clock: "sec min hour day month weekday", UTC. Returns NULL, or what is wrong.
const char *hl_schedule(const char *tag, const char *cron);

#ifdef __cplusplus
}
#endif
#endif
