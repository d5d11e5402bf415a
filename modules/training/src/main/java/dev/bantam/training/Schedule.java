package dev.bantam.training;

import java.util.List;
import java.util.Locale;

/**
 * The factor that a learning rate is multiplied with, as a function of the update number.
 *
 * <p>Updates count from 0. Every schedule rises as {@code t / w} during its w updates of warm-up,
 * so the first of them has factor 0; without warm-up it starts at 1. T is the number of updates;
 * the last one is {@code t = T - 1}, which is why a decaying schedule does not end at exactly 0.
 * The formulas are those of the Hugging Face transformers library unless a type says otherwise,
 * what happens beyond T included.
 */
public sealed interface Schedule {
  /**
   * Factor of update {@code t}.
   *
   * @param t number of the update, from 0
   * @throws IllegalArgumentException if {@code t} is negative
   */
  double factor(long t);

  /** The default schedule, {@link Linear}. */
  static Schedule linear(long warmUp, long total) {
    return new Linear(warmUp, total);
  }

  /**
   * 1 after the warm-up.
   *
   * @param warmUp updates of warm-up, at least 0
   */
  record Constant(long warmUp) implements Schedule {
    public Constant {
      checkWarmUp(warmUp);
    }

    @Override
    public double factor(long t) {
      return checkUpdate(t) < warmUp ? rising(t, warmUp) : 1;
    }
  }

  /**
   * {@code max(0, (T - t) / (T - w))} after the warm-up.
   *
   * @param warmUp updates of warm-up, in [0, total]
   * @param total number of updates, at least 1
   */
  record Linear(long warmUp, long total) implements Schedule {
    public Linear {
      checkSpan(warmUp, total);
    }

    @Override
    public double factor(long t) {
      return checkUpdate(t) < warmUp
          ? rising(t, warmUp)
          : Math.max(0, (double) (total - t) / Math.max(1, total - warmUp));
    }
  }

  /**
   * BERT's own schedule: after the warm-up {@code max(0, 1 - t / T)}, the decay counted from update
   * 0, so that the factor jumps down where the warm-up ends.
   *
   * @param warmUp updates of warm-up, in [0, total]
   * @param total number of updates, at least 1
   */
  record BertLinear(long warmUp, long total) implements Schedule {
    public BertLinear {
      checkSpan(warmUp, total);
    }

    @Override
    public double factor(long t) {
      return checkUpdate(t) < warmUp ? rising(t, warmUp) : Math.max(0, 1 - (double) t / total);
    }
  }

  /**
   * {@code (1 + cos(pi (t - w) / (T - w))) / 2} after the warm-up; rises again beyond T.
   *
   * @param warmUp updates of warm-up, in [0, total]
   * @param total number of updates, at least 1
   */
  record Cosine(long warmUp, long total) implements Schedule {
    public Cosine {
      checkSpan(warmUp, total);
    }

    @Override
    public double factor(long t) {
      return checkUpdate(t) < warmUp ? rising(t, warmUp) : halfWave(progress(t, warmUp, total));
    }
  }

  /**
   * {@code (1 - end) (1 - (t - w) / (T - w))^power + end} after the warm-up, {@code end} beyond T.
   *
   * @param warmUp updates of warm-up, in [0, total)
   * @param total number of updates, at least 1
   * @param end final factor, in [0, 1]
   * @param power exponent, above 0
   */
  record Polynomial(long warmUp, long total, double end, double power) implements Schedule {
    public Polynomial {
      checkSpan(warmUp, total);
      if (warmUp == total) {
        throw new IllegalArgumentException(
            "A polynomial schedule needs updates after its warm-up, got " + total + " of both");
      }
      if (!(end >= 0 && end <= 1) || !(power > 0 && power < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT, "end %s is not in [0, 1] or power %s is not above 0", end, power));
      }
    }

    @Override
    public double factor(long t) {
      if (checkUpdate(t) < warmUp) {
        return rising(t, warmUp);
      }
      if (t > total) {
        return end;
      }
      return (1 - end) * StrictMath.pow(1 - progress(t, warmUp, total), power) + end;
    }
  }

  /**
   * {@code cycles} cosine decays from 1 to 0 after the warm-up, each starting at 1 again; 0 from T
   * on.
   *
   * @param warmUp updates of warm-up, in [0, total]
   * @param total number of updates, at least 1
   * @param cycles number of decays, at least 1
   */
  record CosineRestarts(long warmUp, long total, int cycles) implements Schedule {
    public CosineRestarts {
      checkSpan(warmUp, total);
      if (cycles < 1) {
        throw new IllegalArgumentException("At least one cycle is needed: " + cycles);
      }
    }

    @Override
    public double factor(long t) {
      if (checkUpdate(t) < warmUp) {
        return rising(t, warmUp);
      }
      final double progress = progress(t, warmUp, total);
      return progress >= 1 ? 0 : halfWave(cycles * progress % 1.0);
    }
  }

  /**
   * Linear decays one after the other, each starting at 1 again (learning-rate rewinding): down to
   * {@code end} before every later start, and to 0 at T after the last one (Kurtic et al. 2022,
   * appendix; their recipes). No warm-up.
   *
   * @param starts updates at which a decay starts, rising, the first one 0
   * @param total number of updates T, above the last start
   * @param end factor that every decay but the last one goes down to, in [0, 1]
   */
  record Rewound(List<Long> starts, long total, double end) implements Schedule {
    public Rewound {
      starts = List.copyOf(starts);
      boolean rising = !starts.isEmpty() && starts.get(0) == 0;
      for (int i = 1; i < starts.size(); i++) {
        rising &= starts.get(i) > starts.get(i - 1);
      }
      if (!rising || total <= starts.get(starts.size() - 1) || !(end >= 0 && end <= 1)) {
        throw new IllegalArgumentException(
            "Starts rise from 0 to below "
                + total
                + " and end is in [0, 1]: "
                + starts
                + ", "
                + end);
      }
    }

    @Override
    public double factor(long t) {
      checkUpdate(t);
      int cycle = starts.size() - 1;
      while (starts.get(cycle) > t) {
        cycle--;
      }
      final boolean last = cycle == starts.size() - 1;
      final long from = starts.get(cycle);
      final long to = last ? total : starts.get(cycle + 1);
      final double share = Math.min(1, (double) (t - from) / (to - from));
      return 1 - (1 - (last ? 0 : end)) * share;
    }
  }

  private static double rising(long t, long warmUp) {
    return (double) t / warmUp;
  }

  private static double progress(long t, long warmUp, long total) {
    return (double) (t - warmUp) / Math.max(1, total - warmUp);
  }

  /** From 1 at 0 to 0 at 1. */
  private static double halfWave(double progress) {
    return Math.max(0, 0.5 * (1 + StrictMath.cos(Math.PI * progress)));
  }

  private static long checkUpdate(long t) {
    if (t < 0) {
      throw new IllegalArgumentException("Updates count from 0: " + t);
    }
    return t;
  }

  private static void checkWarmUp(long warmUp) {
    if (warmUp < 0) {
      throw new IllegalArgumentException("Updates of warm-up cannot be negative: " + warmUp);
    }
  }

  private static void checkSpan(long warmUp, long total) {
    checkWarmUp(warmUp);
    if (total < 1 || warmUp > total) {
      throw new IllegalArgumentException(
          "Needs at least one update and no more warm-up than updates, got "
              + warmUp
              + " of warm-up in "
              + total);
    }
  }
}
