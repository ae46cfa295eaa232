// Which of several are beaten by no other in both numbers. A selection, not a statistic: no value is made here.

/** Those of `all` for which no other is at least as `more` and at least as `less`, and better in one. */
export function front(all, more, less) {
  return all.filter(
    (one) =>
      !all.some(
        (other) =>
          more(other) >= more(one) && less(other) <= less(one) && (more(other) > more(one) || less(other) < less(one)),
      ),
  );
}
