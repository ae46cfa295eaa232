// How values are written: three significant digits, a prefix, the unit. The only file that knows about prefixes.

export const ABSENT = "–";

const PREFIXES = {
  s: [
    [1, "s"],
    [1e-3, "ms"],
    [1e-6, "µs"],
    [1e-9, "ns"],
  ],
  B: [
    [2 ** 40, "TiB"],
    [2 ** 30, "GiB"],
    [2 ** 20, "MiB"],
    [2 ** 10, "KiB"],
    [1, "B"],
  ],
  Hz: [
    [1e9, "GHz"],
    [1e6, "MHz"],
    [1e3, "kHz"],
    [1, "Hz"],
  ],
  J: [
    [1e3, "kJ"],
    [1, "J"],
    [1e-3, "mJ"],
    [1e-6, "µJ"],
  ],
  "J/token": [
    [1e3, "kJ/tok"],
    [1, "J/tok"],
    [1e-3, "mJ/tok"],
    [1e-6, "µJ/tok"],
  ],
  W: [
    [1, "W"],
    [1e-3, "mW"],
  ],
};
const SUFFIXES = { tokens: "tokens", "tokens/s": "tok/s", celsius: "°C", ratio: "" };

/** The prefix that suits `value`: what to divide by, and the unit as it is written. */
export function scale(value, unit) {
  const prefixes = PREFIXES[unit];
  if (!prefixes) return { factor: 1, symbol: SUFFIXES[unit] ?? unit };
  if (!value) return { factor: 1, symbol: prefixes.find(([factor]) => factor === 1)[1] };
  const [factor, symbol] = prefixes.find(([factor]) => Math.abs(value) >= factor * 0.9995) ?? prefixes.at(-1);
  return { factor, symbol };
}

/** Three significant digits without an exponent: 0.0123, 1.23, 12.3, 123, 1234. */
export function digits(value) {
  if (value === 0) return "0";
  let size = Math.abs(value);
  let decimals = 0;
  while (size < 99.95 && decimals < 12) {
    size *= 10;
    decimals += 1;
  }
  return value.toFixed(decimals);
}

/** `value`, in `unit`, with its prefix: "209 ms". A dash where there is none. */
export function written(value, unit) {
  if (value === null || value === undefined) return ABSENT;
  const { factor, symbol } = scale(value, unit);
  const number = unit === "tokens" ? value.toFixed(0) : digits(value / factor);
  return symbol ? `${number} ${symbol}` : number;
}

/** An interval in the prefix of `middle`: "205 – 214". Empty where there is none. */
export function interval(low, high, middle, unit) {
  if (low === null || high === null || low === undefined || high === undefined) return "";
  const { factor } = scale(middle, unit);
  return `${digits(low / factor)} – ${digits(high / factor)}`;
}

/** How far `ratio` is from 1: "+3.2 %". */
export function percent(ratio) {
  if (ratio === null || ratio === undefined) return ABSENT;
  const change = (ratio - 1) * 100;
  const told = Math.abs(change).toFixed(Math.abs(change) >= 99.95 ? 0 : 1);
  return `${change < 0 && Number(told) !== 0 ? "−" : "+"}${told} %`;
}

/** A share: "97 %". */
export function share(ratio) {
  return ratio === null || ratio === undefined ? ABSENT : `${(ratio * 100).toFixed(0)} %`;
}

/** A length of time: "8 s", "2 min 05 s", "1 h 04 min". */
export function span(seconds) {
  if (seconds === null || seconds === undefined) return ABSENT;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} days`;
}

/** How much is `done` of what `one`, a case or a result, plans: "3 of 10", "57 of at least 10", "8 s of 10 min 00 s". */
export function reached(done, one) {
  if (one.planned_unit === "s") return `${span(done)} of ${span(one.planned)}`;
  return `${done} of ${one.planned_at_least ? "at least " : ""}${one.planned}`;
}

const STYLES = {
  moment: { dateStyle: "medium", timeStyle: "short" },
  day: { day: "numeric", month: "short", year: "numeric" },
};
const formats = {};

/** A moment (RFC 3339) on this browser's clock. */
export function moment(at) {
  return at ? format("moment").format(new Date(at)) : ABSENT;
}

/** Its day, short enough for an axis. */
export function day(at) {
  return format("day").format(new Date(at));
}

/** The browser's own format, made when it is first needed: that takes longer than all else here. */
function format(style) {
  formats[style] ??= new Intl.DateTimeFormat(undefined, STYLES[style]);
  return formats[style];
}

/** How long ago: "just now", "3 h ago"; the day of what is older than a month. */
export function ago(at, now = Date.now()) {
  if (!at) return ABSENT;
  const seconds = (now - new Date(at).getTime()) / 1000;
  if (Math.abs(seconds) < 90) return "just now";
  if (seconds < 0 || seconds > 30 * 86400) return day(at);
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}

/** Many parameters of a model: "1.10 B", "70.4 M". */
export function parameters(count) {
  if (count === null || count === undefined) return ABSENT;
  if (count >= 1e9) return `${digits(count / 1e9)} B`;
  return count >= 1e6 ? `${digits(count / 1e6)} M` : `${digits(count / 1e3)} k`;
}

/** What is asked: "64 → 128". */
export function workload(one) {
  return `${one.prompt_tokens ?? "file"} → ${one.output_tokens}`;
}
