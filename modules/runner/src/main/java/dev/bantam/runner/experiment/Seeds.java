package dev.bantam.runner.experiment;

import java.util.ArrayList;
import java.util.List;

/** Seeds for every random draw of a run, derived from the seed that the user wrote. */
public final class Seeds {
  /** The purpose of fine-tuning's shuffles, dropout and new heads. */
  public static final String FINETUNE = "finetune";

  private Seeds() {}

  /**
   * The seed of a purpose, see {@link dev.bantam.tensor.Seeds#derive}. Different purposes thus draw
   * independently, in any order and on any thread.
   */
  public static long derive(long seed, String purpose) {
    return dev.bantam.tensor.Seeds.derive(seed, purpose);
  }

  /**
   * The seed of one replicate of calibration samples or masks.
   *
   * @param draw from 1
   */
  public static long ofDraw(long seed, int draw) {
    return derive(seed, "draw " + draw);
  }

  /** What a resolved file lists: one mapping per seed. */
  static ResolvedValue.Sequence resolved(List<Long> seeds, int draws) {
    final List<ResolvedValue> items = new ArrayList<>();
    for (long seed : seeds) {
      final List<Long> perDraw = new ArrayList<>();
      for (int draw = 1; draw <= draws; draw++) {
        perDraw.add(ofDraw(seed, draw));
      }
      items.add(
          ResolvedValue.Mapping.of(
              new ResolvedValue.Entry("seed", ResolvedValue.Number.of(seed)),
              new ResolvedValue.Entry(FINETUNE, ResolvedValue.Number.of(derive(seed, FINETUNE))),
              new ResolvedValue.Entry("draws", ResolvedValue.Sequence.ofIntegers(perDraw))));
    }
    return new ResolvedValue.Sequence(items);
  }
}
