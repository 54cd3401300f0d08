//! Points in time: nanoseconds since the Unix epoch, as packets carry them.

use std::{fmt, time::Duration};

/// Nanoseconds since 1970-01-01T00:00:00Z. Zero is the epoch itself, as a capture without times gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// How far, in nanoseconds, times may jump back before that is a new time base (another capture appended, a clock set back) and not
    /// disorder.
    pub const STEP_BACK_NANOS: u64 = 60_000_000_000;

    /// Whether a frame at this time after one at `top` begins a new time base.
    #[inline]
    #[must_use]
    pub const fn steps_back_from(self, top: Self) -> bool {
        top.0.saturating_sub(self.0) > Self::STEP_BACK_NANOS
    }

    /// The timestamp `seconds` and `nanos` after the epoch; saturates in the year 2554.
    #[must_use]
    pub const fn new(seconds: u64, nanos: u32) -> Self {
        Self(seconds.saturating_mul(1_000_000_000).saturating_add(nanos as u64))
    }

    /// Whole milliseconds since the epoch, rounded down: the item's `timestamp`.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// The time passed since `earlier`; zero if that is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The point `d` later; saturates.
    #[must_use]
    pub fn plus(self, d: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Year, month (1-12), day (1-31), hour, minute, second in UTC.
    #[must_use]
    pub fn civil(self) -> Civil {
        Civil::from_secs(self.as_secs())
    }
}

/// RFC 3339 in UTC with nanoseconds: `2026-11-22T22:50:01.000000042Z`, the item's `startTime`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = self.civil();
        let nanos = self.0 % 1_000_000_000;
        write!(f, "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{nanos:09}Z", c.year, c.month, c.day, c.hour, c.minute, c.second)
    }
}

/// A date and time of day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Gregorian year, 1970 or later.
    pub year: u64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 is Sunday.
    pub weekday: u8,
}

impl Civil {
    /// The civil time of `secs` seconds after the epoch.
    ///
    /// The calendar is counted in eras of 400 years that begin on 1 March (Howard Hinnant, "chrono-compatible low-level date algorithms").
    #[must_use]
    pub fn from_secs(secs: u64) -> Self {
        let (days, rest) = (secs / 86_400, secs % 86_400);
        let z = days + 719_468;
        let (era, day_of_era) = (z / 146_097, z % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let mp = (5 * day_of_year + 2) / 153;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        let small = |n: u64| u8::try_from(n).unwrap_or(u8::MAX);
        Self {
            year,
            month: small(month),
            day: small(day_of_year - (153 * mp + 2) / 5 + 1),
            hour: small(rest / 3600),
            minute: small(rest / 60 % 60),
            second: small(rest % 60),
            weekday: small((days + 4) % 7),
        }
    }

    /// Seconds since the epoch of this civil time; `None` before 1970.
    #[must_use]
    pub fn to_secs(self) -> Option<u64> {
        let m = u64::from(self.month);
        let y = self.year.checked_sub(u64::from(m <= 2))?;
        let (era, year_of_era) = (y / 400, y % 400);
        let mp = if m > 2 { m - 3 } else { m + 9 };
        let day_of_year = (153 * mp + 2) / 5 + u64::from(self.day).checked_sub(1)?;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = (era * 146_097 + day_of_era).checked_sub(719_468)?;
        Some(days * 86_400 + u64::from(self.hour) * 3600 + u64::from(self.minute) * 60 + u64::from(self.second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_rfc3339() {
        assert_eq!(Timestamp::new(0, 0).to_string(), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(Timestamp::new(951_782_400, 42).to_string(), "2000-02-29T00:00:00.000000042Z");
        assert_eq!(Timestamp::new(1_795_387_801, 0).civil().weekday, 0);
    }

    #[test]
    fn civil_round_trips_over_four_centuries() {
        for secs in (0..12_700_000_000).step_by(86_399 * 7) {
            assert_eq!(Civil::from_secs(secs).to_secs(), Some(secs));
        }
    }
}
