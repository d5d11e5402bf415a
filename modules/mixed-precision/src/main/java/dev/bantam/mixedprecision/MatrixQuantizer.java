package dev.bantam.mixedprecision;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.Groups;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Workers;

/** Rounds the weights of one matrix to the nearest codes of a format. */
final class MatrixQuantizer {
  /** Rows of a piece of work: enough to be worth a hand-over, few enough to share out evenly. */
  private static final int ROWS = 64;

  private MatrixQuantizer() {}

  /**
   * Codes and scales of a matrix.
   *
   * @param name of the parameter, for messages
   * @param w [rows x columns], finite; not modified
   * @param columns a multiple of the format's group size
   * @param workers threads to share the rows
   * @throws BantamException if a scale is beyond its type
   */
  static GroupedTensor quantize(
      String name, float[] w, int rows, int columns, WeightFormat format, Workers workers) {
    final Groups groups = format.groups(rows, columns);
    final int size = groups.height() * groups.width(); // a group is a run of so many weights
    final byte[] codes = new byte[w.length];
    final GroupGrid[] grids = new GroupGrid[groups.count()];
    final int together = Math.max(1, ROWS * columns / size);
    workers.run(
        (grids.length + together - 1) / together,
        (piece, worker) -> {
          final GroupFit fit = GroupFit.of(format);
          for (int g = piece * together; g < Math.min(grids.length, (piece + 1) * together); g++) {
            grids[g] = fit.fit(w, g * size, size);
            round(w, g * size, size, grids[g], codes);
          }
        });
    return tensor(name, groups, format, codes, grids);
  }

  private static void round(float[] w, int from, int n, GroupGrid grid, byte[] codes) {
    for (int i = from; i < from + n; i++) {
      codes[i] = (byte) grid.code(w[i]);
    }
  }

  /**
   * Codes with the levels of their groups.
   *
   * @param codes [rows x columns]
   * @param grids by group
   * @throws BantamException if a scale or an offset is beyond its type
   */
  static GroupedTensor tensor(
      String name, Groups groups, WeightFormat format, byte[] codes, GroupGrid[] grids) {
    final float[] scales = new float[grids.length];
    final float[] offsets = new float[grids.length];
    final byte[] zeros = new byte[grids.length];
    for (int g = 0; g < grids.length; g++) {
      scales[g] = requireFinite(name, grids[g].scale(), g / groups.across(), groups, format);
      offsets[g] = requireFinite(name, grids[g].offset(), g / groups.across(), groups, format);
      zeros[g] = (byte) grids[g].zero();
    }
    final long[] shape = {groups.rows(), groups.columns()};
    final int bits = format.bits();
    final SafetensorsType type = format.scaleType().stored();
    return switch (format.scheme()) {
      case SYMMETRIC -> GroupedTensor.symmetric(shape, bits, groups, codes, scales, type);
      case AFFINE -> GroupedTensor.affine(shape, bits, groups, codes, scales, zeros, type);
      case OFFSET -> GroupedTensor.withOffsets(shape, bits, groups, codes, scales, offsets, type);
    };
  }

  /**
   * What an earlier step has pruned, and stays so where zero has a code; empty if there is nothing.
   */
  static boolean[] gone(CompressionState state, String name, WeightFormat format) {
    if (state.form(name).isEmpty() || format.scheme() == WeightFormat.Scheme.OFFSET) {
      return new boolean[0];
    }
    final float[] w = state.weight(name);
    final boolean[] gone = new boolean[w.length];
    for (int i = 0; i < w.length; i++) {
      gone[i] = w[i] == 0f;
    }
    return gone;
  }

  private static float requireFinite(
      String name, float number, int down, Groups groups, WeightFormat format) {
    if (!Float.isFinite(number)) {
      throw BantamException.badInput(
          "The weights of '"
              + name
              + "' are too large for a scale of "
              + format.scaleType()
              + " (row "
              + down * groups.height()
              + "). Use 'scale-type: float32', or list the tensor under 'skip'.");
    }
    return number;
  }
}
