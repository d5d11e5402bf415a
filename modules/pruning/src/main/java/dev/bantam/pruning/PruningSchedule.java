package dev.bantam.pruning;

import dev.bantam.compression.Settings;
import dev.bantam.training.Schedule;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * When how much is pruned during a training: events at equal distances, sparsity along a cubic (Zhu
 * and Gupta 2017), {@code s = from + (to - from) (1 - (1 - p)^3)} with p from 0 at the first event
 * to 1 at the last.
 *
 * @param from sparsity after the first event, in [0, to]
 * @param to sparsity after the last event, in [0, 1)
 * @param events number of events, at least 1; a single one prunes to {@code to}
 * @param begin share of the training at which the first event comes, in [0, 1)
 * @param end share of the training at which the last event comes, in [begin, 1)
 * @param rewind when the learning rate goes back to its height
 * @param floor share of its height that the rate falls to before it is rewound, in [0, 1]
 */
record PruningSchedule(
    double from, double to, int events, double begin, double end, Rewind rewind, double floor) {
  private static final double BELOW_ONE = Math.nextDown(1.0);

  private static final double FLOOR = 0.3;

  /** When the learning rate goes back to its height. */
  enum Rewind {
    /** With the last event. */
    LAST,
    /** With every event. */
    EVENTS,
    /** Never: one linear decay. */
    NONE
  }

  PruningSchedule {
    check("from is a share up to 'to'", from >= 0 && from <= to);
    check("to is a share in [0, 1)", to >= 0 && to < 1);
    check("there is at least one event", events >= 1);
    check("begin is a share in [0, 1)", begin >= 0 && begin < 1);
    check("end is a share from 'begin' to below 1", end >= begin && end < 1);
    check("floor is a share in [0, 1]", floor >= 0 && floor <= 1);
  }

  private void check(String rule, boolean holds) {
    if (!holds) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "schedule: %s, but from is %s, to %s, events %d, begin %s, end %s, floor %s",
              rule,
              from,
              to,
              events,
              begin,
              end,
              floor));
    }
  }

  /** One event before anything else. */
  static PruningSchedule once(double sparsity) {
    return new PruningSchedule(sparsity, sparsity, 1, 0, 0, Rewind.NONE, 0);
  }

  /** Reads {@code schedule:}, if it is there. */
  static Optional<PruningSchedule> read(Settings step) {
    return read(step, new PruningSchedule(0.5, BELOW_ONE, 5, 0, 0.5, Rewind.LAST, FLOOR));
  }

  /**
   * Reads {@code schedule:}, if it is there.
   *
   * @param defaults for what is not written; {@code to} has none
   */
  static Optional<PruningSchedule> read(Settings step, PruningSchedule defaults) {
    return step.mapping("schedule")
        .map(
            s -> {
              final double from = s.number("from", 0, BELOW_ONE, defaults.from);
              final double to = s.number("to", 0, BELOW_ONE, null);
              final int events = s.integer("events", 2, 1000, defaults.events);
              final double begin = s.number("begin", 0, BELOW_ONE, defaults.begin);
              final double end = s.number("end", 0, BELOW_ONE, defaults.end);
              final Rewind rewind = s.choice("rewind", Rewind.class, defaults.rewind);
              if (rewind == Rewind.NONE) {
                s.has("floor"); // known, and without effect
                return new PruningSchedule(from, to, events, begin, end, rewind, 0);
              }
              return new PruningSchedule(
                  from, to, events, begin, end, rewind, s.number("floor", 0, 1, FLOOR));
            });
  }

  /**
   * Sparsity after an event.
   *
   * @param event from 0
   */
  double sparsity(int event) {
    if (event == events - 1) {
      return to;
    }
    final double left = 1 - (double) event / (events - 1);
    return from + (to - from) * (1 - left * left * left);
  }

  /** Sparsity at an update of a training of so many: that of the last event so far, or 0. */
  double at(long update, long total) {
    int past = 0;
    while (past < events && update(past, total) <= update) {
      past++;
    }
    return past == 0 ? 0 : sparsity(past - 1);
  }

  /**
   * The update before which an event comes.
   *
   * @param event from 0
   * @param total updates of the training
   */
  long update(int event, long total) {
    final double p = events == 1 ? 0 : (double) event / (events - 1);
    return Math.min(total - 1, Math.round(total * (begin + (end - begin) * p)));
  }

  /** The update before which the last event comes. */
  long last(long total) {
    return update(events - 1, total);
  }

  /** The learning rate's schedule. */
  Schedule rates(long total) {
    final List<Long> starts = new ArrayList<>(List.of(0L));
    switch (rewind) {
      case LAST -> starts.add(last(total));
      case EVENTS -> {
        for (int e = 0; e < events; e++) {
          starts.add(update(e, total));
        }
      }
      case NONE -> {}
    }
    return new Schedule.Rewound(starts.stream().distinct().toList(), total, floor);
  }

  /** In words, for plans and logs; empty for a single event. */
  String describe() {
    return events == 1
        ? ""
        : String.format(
            Locale.ROOT,
            ", in %d events from %s, at %s to %s of the training, rate rewound: %s",
            events,
            from,
            begin,
            end,
            rewind.name().toLowerCase(Locale.ROOT));
  }
}
