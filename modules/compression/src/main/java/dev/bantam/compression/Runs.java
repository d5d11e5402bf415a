package dev.bantam.compression;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.IntConsumer;

/**
 * Neighbouring elements of a row that are stored or left out together, so that one bit or gap
 * stands for all of them: what pruning in blocks leaves.
 *
 * @param shape of the tensor
 * @param width elements of a run, 1 to {@link #WIDEST}; divides the columns
 */
record Runs(MatrixShape shape, int width) {
  static final int WIDEST = 32;

  private static final String ATTRIBUTE = "run";

  Runs {
    if (width < 1 || width > WIDEST || shape.columns() % width != 0) {
      throw new IllegalArgumentException("Runs of " + width + " do not fit " + shape);
    }
  }

  /** The widths that are tried: powers of two that divide the columns. */
  static List<Runs> candidates(MatrixShape shape) {
    final List<Runs> candidates = new ArrayList<>();
    for (int width = 1; width <= WIDEST && shape.columns() % width == 0; width *= 2) {
      candidates.add(new Runs(shape, width));
    }
    return candidates;
  }

  /** Reads the attribute {@code run}; 1 if it is absent. */
  static Runs decode(FormReader in, MatrixShape shape) {
    return new Runs(shape, in.runWidth(ATTRIBUTE, shape.columns(), WIDEST));
  }

  /** What {@link #decode} reads. */
  Map<String, String> attributes() {
    return width == 1 ? Map.of() : Map.of(ATTRIBUTE, Integer.toString(width));
  }

  /** The tensor with a run in place of every element. */
  MatrixShape units() {
    return width == 1 ? shape : MatrixShape.of(shape.rows(), shape.columns() / width);
  }

  /** Which runs have an element that is kept. */
  boolean[] units(boolean[] kept) {
    if (width == 1) {
      return kept;
    }
    final boolean[] units = new boolean[kept.length / width];
    for (int i = 0; i < kept.length; i++) {
      units[i / width] |= kept[i];
    }
    return units;
  }

  /** Which elements belong to runs that have one that is kept. */
  boolean[] whole(boolean[] kept) {
    final boolean[] units = units(kept);
    final boolean[] whole = new boolean[kept.length];
    for (int i = 0; i < whole.length; i++) {
      whole[i] = units[i / width];
    }
    return whole;
  }

  /** Takes positions of runs and passes on those of their elements. */
  IntConsumer elements(IntConsumer position) {
    return width == 1
        ? position
        : unit -> {
          for (int i = unit * width; i < (unit + 1) * width; i++) {
            position.accept(i);
          }
        };
  }
}
