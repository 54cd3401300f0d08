// Write Hookline plugins in C++ (17, without exceptions): the functions of hookline_sdk.h with the standard library's types. Implement hook_init and
// the other hook_… functions that the plugin needs as extern "C", which including this declares.
#ifndef HOOKLINE_SDK_HPP
#define HOOKLINE_SDK_HPP

#include "hookline_sdk.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace hookline {

// Subscribes to items that match `filter`, with `fields` as columns. Returns nullptr, or what is wrong: to be returned by hook_init.
template <size_t N> const char *items_matching(const char *filter, const std::array<const char *, N> &fields) {
  return hl_items_matching(filter, fields.data(), N);
}

// The same for packets.
template <size_t N> const char *packets_matching(const char *filter, const std::array<const char *, N> &fields) {
  return hl_packets_matching(filter, fields.data(), N);
}

// One item of a batch: its fields by the number of their column.
class Row {
public:
  Row(const hl_column *columns, uint32_t row) : columns_(columns), row_(row) {}

  // Nothing where the item has no such field.
  std::optional<uint64_t> u64(size_t column) const {
    uint64_t value = 0;
    return hl_u64(&columns_[column], row_, &value) ? std::optional(value) : std::nullopt;
  }

  // Nothing where the item has no such field.
  std::optional<double> f64(size_t column) const {
    double value = 0;
    return hl_f64(&columns_[column], row_, &value) ? std::optional(value) : std::nullopt;
  }

  // Empty where the item has no such field. Lent until the hook returns.
  std::string_view text(size_t column) const {
    const hl_text text = hl_text_of(&columns_[column], row_);
    return {text.ptr, text.len};
  }

  // Raises an alert about the item. False if the host refuses it: its rate is used up.
  bool alert(hl_severity severity, const std::string &title, const std::string &text = "") const {
    return hl_alert(severity, title.c_str(), text.c_str(), row_);
  }

private:
  const hl_column *columns_;
  uint32_t row_;
};

// A line of the plugin's log.
inline void log(hl_level level, const std::string &text) { hl_log(level, text.c_str()); }

// A value of the manifest's [config] of up to 4095 bytes; nothing if there is none.
inline std::optional<std::string> config(const char *key) {
  char value[4096];
  return hl_config(key, value, sizeof value) ? std::optional<std::string>(value) : std::nullopt;
}

} // namespace hookline
#endif
