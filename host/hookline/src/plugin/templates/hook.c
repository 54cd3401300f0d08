// Raises an alert for each HTTP response with a server error.
#include "hookline_sdk.h"

#include <stdio.h>

// In the order of the columns.
static const char *const FIELDS[] = {"response.status", "request.method", "request.path"};
enum { STATUS, METHOD, PATH, FIELD_COUNT };

const char *hook_init(void) {
  // The host runs the filter: what does not match never gets here.
  return hl_items_matching("http and response.status >= 500", FIELDS, FIELD_COUNT);
}

void hook_items(uint32_t subscription, uint32_t count, const hl_column *columns, hl_items items) {
  (void)subscription, (void)items;
  for (uint32_t row = 0; row < count; row++) {
    uint64_t status = 0;
    hl_u64(&columns[STATUS], row, &status);
    hl_text method = hl_text_of(&columns[METHOD], row), path = hl_text_of(&columns[PATH], row);
    char title[512];
    snprintf(title, sizeof title, "%llu on %.*s %.*s", (unsigned long long)status, (int)method.len, method.ptr, (int)path.len, path.ptr);
    // Over its rate, an alert is counted by the host and not raised.
    hl_alert(HL_WARNING, title, "", row);
  }
}
