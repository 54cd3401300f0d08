// Between the contract's C bindings and what hookline_sdk.h offers.
#include "hookline_sdk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Hooks that a plugin does not implement.
__attribute__((weak)) void hook_items(uint32_t subscription, uint32_t count, const hl_column *columns, hl_items items) {
  (void)subscription, (void)count, (void)columns, (void)items;
}
__attribute__((weak)) void hook_packets(uint32_t subscription, uint32_t count, const hl_column *columns) {
  (void)subscription, (void)count, (void)columns;
}
__attribute__((weak)) void hook_flows(uint32_t subscription, uint32_t count, const hl_column *columns) {
  (void)subscription, (void)count, (void)columns;
}
__attribute__((weak)) const char *hook_message(hl_text topic, hl_text payload, hl_text from) {
  (void)topic, (void)payload, (void)from;
  return NULL;
}
__attribute__((weak)) const char *hook_job(hl_text tag) {
  (void)tag;
  return NULL;
}
__attribute__((weak)) void hook_shutdown(void) {}

// The bindings refer to an object file with the contract in it; `hookline plugin build` puts the contract into the module itself.
__attribute__((weak)) void __component_type_object_force_link_hookline(void) {}

// A text that is only read by whoever gets it.
static hookline_string_t lent(const char *text) {
  hookline_string_t s = {(uint8_t *)text, strlen(text)};
  return s;
}

// ---- what the host calls ----------------------------------------------------------------------------------------------------------------

static bool told(const char *error, hookline_string_t *err) {
  if (error) hookline_string_dup(err, error);
  return !error;
}

bool exports_hookline_hooks_lifecycle_on_init(hookline_string_t *err) { return told(hook_init(), err); }

void exports_hookline_hooks_lifecycle_on_shutdown(void) { hook_shutdown(); }

void exports_hookline_hooks_items_hook_on_items(uint32_t subscription, uint32_t count, exports_hookline_hooks_items_hook_list_column_t *columns,
                                                exports_hookline_hooks_items_hook_borrow_item_batch_t items) {
  hook_items(subscription, count, columns->ptr, items);
  // A borrowed handle must be gone when the call ends.
  hookline_hooks_batch_item_batch_drop_borrow(items);
  exports_hookline_hooks_items_hook_list_column_free(columns);
}

void exports_hookline_hooks_packets_hook_on_packets(uint32_t subscription, uint32_t count, exports_hookline_hooks_packets_hook_list_column_t *columns) {
  hook_packets(subscription, count, columns->ptr);
  exports_hookline_hooks_packets_hook_list_column_free(columns);
}

void exports_hookline_hooks_flows_hook_on_flows(uint32_t subscription, uint32_t count, exports_hookline_hooks_flows_hook_list_column_t *columns) {
  hook_flows(subscription, count, columns->ptr);
  exports_hookline_hooks_flows_hook_list_column_free(columns);
}

static hl_text seen(const hookline_string_t *text) { return (hl_text){(const char *)text->ptr, text->len}; }

bool exports_hookline_hooks_hub_hook_on_message(exports_hookline_hooks_hub_hook_message_t *message, hookline_string_t *err) {
  const char *error = hook_message(seen(&message->topic), seen(&message->payload), seen(&message->from));
  exports_hookline_hooks_hub_hook_message_free(message);
  return told(error, err);
}

void exports_hookline_hooks_results_hook_on_result(exports_hookline_hooks_results_hook_outcome_t *outcome) {
  exports_hookline_hooks_results_hook_outcome_free(outcome);
}

void exports_hookline_hooks_query_hook_on_query(hookline_string_t *filter, exports_hookline_hooks_query_hook_borrow_item_batch_t items,
                                                exports_hookline_hooks_query_hook_list_verdict_t *ret) {
  hookline_hooks_batch_item_batch_drop_borrow(items);
  hookline_string_free(filter);
  ret->ptr = NULL;
  ret->len = 0;
}

bool exports_hookline_hooks_timer_hook_on_job(hookline_string_t *tag, hookline_string_t *err) {
  const char *error = hook_job(seen(tag));
  hookline_string_free(tag);
  return told(error, err);
}

void exports_hookline_hooks_state_hook_save(hookline_list_u8_t *ret) {
  ret->ptr = NULL;
  ret->len = 0;
}

bool exports_hookline_hooks_state_hook_restore(hookline_list_u8_t *state, hookline_string_t *err) {
  (void)err;
  hookline_list_u8_free(state);
  return true;
}

// ---- what plugins call ------------------------------------------------------------------------------------------------------------------

// An error's text, which stays until the next one.
static const char *kept(hookline_hooks_types_error_t *error) {
  static char text[1024];
  hookline_string_t *said = &error->val.invalid;
  size_t len = said->len < sizeof text - 1 ? said->len : sizeof text - 1;
  memcpy(text, said->ptr, len);
  text[len] = 0;
  hookline_hooks_types_error_free(error);
  return text;
}

typedef bool subscribe_to(hookline_hooks_subscribe_subscription_t *, hookline_hooks_subscribe_opened_t *, hookline_hooks_subscribe_error_t *);

static const char *subscribe(subscribe_to *to, const char *filter, const char *const *fields, size_t field_count) {
  hookline_string_t *names = malloc((field_count + 1) * sizeof *names);
  if (!names) return "out of memory";
  for (size_t i = 0; i < field_count; i++) names[i] = lent(fields[i]);
  hookline_hooks_subscribe_subscription_t wanted = {lent(filter), {names, field_count}, 0, 0};
  hookline_hooks_subscribe_opened_t opened;
  hookline_hooks_subscribe_error_t error;
  bool done = to(&wanted, &opened, &error);
  free(names);
  if (!done) return kept(&error);
  hookline_hooks_subscribe_opened_free(&opened);
  return NULL;
}

const char *hl_items_matching(const char *filter, const char *const *fields, size_t field_count) {
  return subscribe(hookline_hooks_subscribe_items, filter, fields, field_count);
}
const char *hl_packets_matching(const char *filter, const char *const *fields, size_t field_count) {
  return subscribe(hookline_hooks_subscribe_packets, filter, fields, field_count);
}
const char *hl_flows_matching(const char *filter, const char *const *fields, size_t field_count) {
  return subscribe(hookline_hooks_subscribe_flows, filter, fields, field_count);
}

bool hl_u64(const hl_column *column, uint32_t row, uint64_t *value) {
  switch (column->tag) {
    case HOOKLINE_HOOKS_TYPES_COLUMN_U64S:
      if (row >= column->val.u64s.len || column->val.u64s.ptr[row] == UINT64_MAX) return false;
      *value = column->val.u64s.ptr[row];
      return true;
    case HOOKLINE_HOOKS_TYPES_COLUMN_S64S:
      if (row >= column->val.s64s.len || column->val.s64s.ptr[row] < 0) return false;
      *value = (uint64_t)column->val.s64s.ptr[row];
      return true;
    case HOOKLINE_HOOKS_TYPES_COLUMN_U8S:
      if (row >= column->val.u8s.len || column->val.u8s.ptr[row] == UINT8_MAX) return false;
      *value = column->val.u8s.ptr[row];
      return true;
    default:
      return false;
  }
}

bool hl_f64(const hl_column *column, uint32_t row, double *value) {
  uint64_t whole;
  if (column->tag != HOOKLINE_HOOKS_TYPES_COLUMN_F64S) {
    if (!hl_u64(column, row, &whole)) return false;
    *value = (double)whole;
    return true;
  }
  if (row >= column->val.f64s.len || isnan(column->val.f64s.ptr[row])) return false;
  *value = column->val.f64s.ptr[row];
  return true;
}

hl_text hl_text_of(const hl_column *column, uint32_t row) {
  hl_text text = {"", 0};
  if (column->tag != HOOKLINE_HOOKS_TYPES_COLUMN_TEXTS || row >= column->val.texts.ends.len) return text;
  uint32_t start = row > 0 ? column->val.texts.ends.ptr[row - 1] : 0;
  text.ptr = (const char *)column->val.texts.bytes.ptr + start;
  text.len = column->val.texts.ends.ptr[row] - start;
  return text;
}

static bool sent(bool done, hookline_hooks_emit_error_t *error) {
  if (!done) hookline_hooks_emit_error_free(error);
  return done;
}

bool hl_alert(hl_severity severity, const char *title, const char *text, int64_t item) {
  hookline_hooks_emit_alert_t alert = {(uint8_t)severity, lent(title), lent(text), {item >= 0, item >= 0 ? (uint32_t)item : 0}};
  hookline_hooks_emit_error_t error;
  return sent(hookline_hooks_emit_raise(&alert, &error), &error);
}

bool hl_publish(const char *name, const char *json) {
  hookline_string_t n = lent(name), payload = lent(json);
  hookline_hooks_emit_error_t error;
  return sent(hookline_hooks_emit_publish(&n, &payload, &error), &error);
}

bool hl_action(const char *kind, const char *args) {
  hookline_string_t k = lent(kind), a = lent(args);
  hookline_hooks_emit_error_t error;
  return sent(hookline_hooks_emit_action(&k, &a, &error), &error);
}

void hl_log(hl_level level, const char *text) {
  hookline_string_t line = lent(text);
  hookline_hooks_log_write((uint8_t)level, &line);
}

uint32_t hl_counter(const char *name, const char *help) {
  hookline_string_t n = lent(name), h = lent(help);
  hookline_list_tuple2_string_string_t none = {NULL, 0};
  hookline_hooks_metrics_error_t error;
  uint32_t id;
  if (hookline_hooks_metrics_counter(&n, &h, &none, &id, &error)) return id;
  hookline_hooks_metrics_error_free(&error);
  return UINT32_MAX;
}

void hl_add(uint32_t counter, double n) { hookline_hooks_metrics_add(counter, n); }

bool hl_config(const char *key, char *value, size_t size) {
  hookline_string_t k = lent(key), found;
  if (size == 0 || !hookline_hooks_config_get(&k, &found)) return false;
  size_t len = found.len < size - 1 ? found.len : size - 1;
  memcpy(value, found.ptr, len);
  value[len] = 0;
  hookline_string_free(&found);
  return true;
}

const char *hl_schedule(const char *tag, const char *cron) {
  hookline_string_t t = lent(tag), c = lent(cron);
  hookline_hooks_jobs_error_t error;
  return hookline_hooks_jobs_schedule(&t, &c, 0, &error) ? NULL : kept(&error);
}
