//! `log`: the plugin's console.

use crate::{LogLevel, LogLine, bindings::log, state::State};

/// Bytes of one line; more is cut.
const LINE_MAX: usize = 64 << 10;

impl log::Host for State {
    fn write(&mut self, level: log::Level, message: String) {
        self.write_line(level, message);
    }
}

impl State {
    /// Puts a line into the plugin's log, if its quota allows.
    pub(crate) fn write_line(&mut self, level: log::Level, mut message: String) {
        if !self.log_quota.take(self.now) {
            self.stats.log_lines_suppressed.add(1);
            return;
        }
        self.stats.log_lines.add(1);
        if message.len() > LINE_MAX {
            let end = (0..=LINE_MAX).rev().find(|i| message.is_char_boundary(*i)).unwrap_or(0);
            message.truncate(end);
            message.push('…');
        }
        let level = match level {
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        self.around.outbox.log(LogLine { at: self.now, plugin: self.identity.name.clone(), level, text: message });
    }
}
