//! Raises an alert for each HTTP response with a server error.

const std = @import("std");
const hl = @cImport(@cInclude("hookline_sdk.h"));

// In the order of the columns.
const fields = [_][*c]const u8{ "response.status", "request.method", "request.path" };

export fn hook_init() [*c]const u8 {
    // The host runs the filter: what does not match never gets here.
    return hl.hl_items_matching("http and response.status >= 500", &fields, fields.len);
}

export fn hook_items(_: u32, count: u32, columns: [*c]const hl.hl_column, _: hl.hl_items) void {
    for (0..count) |index| {
        const row: u32 = @intCast(index);
        var status: u64 = 0;
        _ = hl.hl_u64(&columns[0], row, &status);
        var title: [512]u8 = undefined;
        const shown = std.fmt.bufPrintZ(&title, "{d} on {s} {s}", .{ status, text(&columns[1], row), text(&columns[2], row) }) catch continue;
        // Over its rate, an alert is counted by the host and not raised.
        _ = hl.hl_alert(hl.HL_WARNING, shown.ptr, "", row);
    }
}

fn text(column: [*c]const hl.hl_column, row: u32) []const u8 {
    const found = hl.hl_text_of(column, row);
    return found.ptr[0..found.len];
}
