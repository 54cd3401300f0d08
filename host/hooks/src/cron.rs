//! Cron with seconds: `second minute hour day-of-month month day-of-week`, in UTC.

use hookline_item::{Civil, Timestamp};

/// When a job is due: one bit for each second, minute, … at which it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cron {
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Both day fields are restricted: then either of them suffices (as in crontab(5)).
    either_day: bool,
}

struct Unit {
    name: &'static str,
    min: u64,
    max: u64,
    words: &'static [&'static str],
}

const UNITS: [Unit; 6] = [
    Unit { name: "second", min: 0, max: 59, words: &[] },
    Unit { name: "minute", min: 0, max: 59, words: &[] },
    Unit { name: "hour", min: 0, max: 23, words: &[] },
    Unit { name: "day of month", min: 1, max: 31, words: &[] },
    Unit { name: "month", min: 1, max: 12, words: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"] },
    Unit { name: "day of week", min: 0, max: 7, words: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] },
];

/// How far ahead a due time is looked for: a leap day comes within eight years.
const DAYS_AHEAD: u64 = 366 * 8;

impl Cron {
    /// Reads `text`; five fields mean that the second is 0.
    ///
    /// # Errors
    /// One sentence: which field is wrong, and what it may be.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut fields: Vec<&str> = text.split_whitespace().collect();
        if fields.len() == 5 {
            fields.insert(0, "0");
        }
        let Ok(fields) = <[&str; 6]>::try_from(fields) else {
            return Err(format!("cron {text:?} has not six fields: second minute hour day-of-month month day-of-week"));
        };
        let mut bits = [0; 6];
        for ((bits, field), unit) in bits.iter_mut().zip(fields).zip(&UNITS) {
            *bits = field_bits(field, unit).ok_or_else(|| {
                format!("cron {text:?}: {field:?} is no {}: use *, a number from {} to {}, a-b, a,b or */n", unit.name, unit.min, unit.max)
            })?;
        }
        let [seconds, minutes, hours, days, months, weekdays] = bits;
        // Sunday is 0 and 7.
        let weekdays = (weekdays | weekdays >> 7) & 0x7f;
        let either_day = !fields[3].starts_with('*') && !fields[5].starts_with('*');
        Ok(Self { seconds, minutes, hours, days, months, weekdays, either_day })
    }

    /// The first due time after `now`; `None` where there is none within eight years (31 February).
    pub(crate) fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let first = now.as_secs() + 1;
        let midnight = first - first % 86_400;
        for day in 0..DAYS_AHEAD {
            let start = midnight + day * 86_400;
            if !self.day_is_due(Civil::from_secs(start)) {
                continue;
            }
            let from = if day == 0 { first - midnight } else { 0 };
            if let Some(second) = self.second_of_day(from) {
                return Some(Timestamp::new(start + second, 0));
            }
        }
        None
    }

    fn day_is_due(&self, c: Civil) -> bool {
        let (day, weekday) = (has(self.days, c.day.into()), has(self.weekdays, c.weekday.into()));
        has(self.months, c.month.into()) && if self.either_day { day || weekday } else { day && weekday }
    }

    /// The first due second of a day at or after `from`.
    fn second_of_day(&self, from: u64) -> Option<u64> {
        for hour in (from / 3600..24).filter(|h| has(self.hours, *h)) {
            let from = from.saturating_sub(hour * 3600);
            for minute in (from / 60..60).filter(|m| has(self.minutes, *m)) {
                let from = from.saturating_sub(minute * 60);
                if let Some(second) = (from..60).find(|s| has(self.seconds, *s)) {
                    return Some(hour * 3600 + minute * 60 + second);
                }
            }
        }
        None
    }
}

fn has(bits: u64, n: u64) -> bool {
    bits >> n & 1 == 1
}

fn field_bits(field: &str, unit: &Unit) -> Option<u64> {
    field.split(',').try_fold(0, |bits, part| Some(bits | part_bits(part, unit)?))
}

fn part_bits(part: &str, unit: &Unit) -> Option<u64> {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, step.parse::<usize>().ok().filter(|s| *s > 0)?),
        None => (part, 1),
    };
    let (low, high) = match range {
        "*" | "?" => (unit.min, unit.max),
        _ => match range.split_once('-') {
            Some((low, high)) => (number(low, unit)?, number(high, unit)?),
            None if step > 1 => (number(range, unit)?, unit.max),
            None => (number(range, unit)?, number(range, unit)?),
        },
    };
    (low <= high).then(|| (low..=high).step_by(step).fold(0, |bits, n| bits | 1 << n))
}

fn number(text: &str, unit: &Unit) -> Option<u64> {
    let word = unit.words.iter().position(|w| text.eq_ignore_ascii_case(w)).map(|i| i as u64 + unit.min);
    word.or_else(|| text.parse().ok()).filter(|n| (unit.min..=unit.max).contains(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(cron: &str, from: u64) -> String {
        Cron::parse(cron).unwrap().next_after(Timestamp::new(from, 999)).map_or("never".into(), |t| t.to_string()[..19].to_owned())
    }

    #[test]
    fn due_times() {
        let from = 951_782_399; // 2000-02-28T23:59:59Z, a Monday
        assert_eq!(next("* * * * * *", from), "2000-02-29T00:00:00");
        assert_eq!(next("0 */1 * * * *", from), "2000-02-29T00:00:00");
        assert_eq!(next("*/60 * * * * *", from), "2000-02-29T00:00:00");
        assert_eq!(next("20 * * * * *", from), "2000-02-29T00:00:20");
        assert_eq!(next("0 30 9-17/4 * * mon-fri", from), "2000-02-29T09:30:00");
        assert_eq!(next("0 0 0 1 jan *", from), "2001-01-01T00:00:00");
        assert_eq!(next("0 0 0 29 2 *", from + 1), "2004-02-29T00:00:00");
        assert_eq!(next("0 0 0 13 * 5", from), "2000-03-03T00:00:00");
        assert_eq!(next("0 0 0 * * 7", from), "2000-03-05T00:00:00");
        assert_eq!(next("0 0 * * *", from), "2000-02-29T00:00:00");
        assert_eq!(next("0 0 0 31 2 *", from), "never");
    }

    #[test]
    fn errors_name_the_field() {
        assert!(Cron::parse("* * *").unwrap_err().contains("six fields"));
        assert!(Cron::parse("0 61 * * * *").unwrap_err().contains("\"61\" is no minute"));
        assert!(Cron::parse("0 */0 * * * *").is_err());
        assert!(Cron::parse("0 5-1 * * * *").is_err());
    }
}
