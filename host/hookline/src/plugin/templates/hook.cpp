// Raises an alert for each HTTP response with a server error.
#include "hookline_sdk.hpp"

// In the order of the columns.
constexpr std::array FIELDS = {"response.status", "request.method", "request.path"};
enum { STATUS, METHOD, PATH };

const char *hook_init() {
  // The host runs the filter: what does not match never gets here.
  return hookline::items_matching("http and response.status >= 500", FIELDS);
}

void hook_items(uint32_t, uint32_t count, const hl_column *columns, hl_items) {
  for (uint32_t i = 0; i < count; i++) {
    const hookline::Row row(columns, i);
    std::string title = std::to_string(row.u64(STATUS).value_or(0)) + " on ";
    title.append(row.text(METHOD)).append(" ").append(row.text(PATH));
    // Over its rate, an alert is counted by the host and not raised.
    row.alert(HL_WARNING, title);
  }
}
