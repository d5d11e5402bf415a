package dev.bantam.mixedprecision;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.Groups;
import dev.bantam.mixedprecision.WeightFormat.Range;
import dev.bantam.mixedprecision.WeightFormat.Scheme;
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
    final byte[] codes = new byte[w.length];
    final float[] scales = new float[groups.count()];
    final byte[] zeros = new byte[groups.count()];
    final float[] offsets = new float[groups.count()];
    final int width = groups.width();
    final int across = groups.across();
    workers.run(
        (rows + ROWS - 1) / ROWS,
        (piece, worker) -> {
          final ClipSearch search = new ClipSearch();
          for (int r = piece * ROWS; r < Math.min(rows, (piece + 1) * ROWS); r++) {
            for (int c = 0; c < columns; c += width) {
              final int group = r * across + c / width;
              final int from = r * columns + c;
              if (format.scheme() == Scheme.OFFSET) {
                OffsetCodes.quantize(w, from, width, format, group, codes, scales, offsets);
              } else {
                quantizeGroup(w, from, width, format, search, group, codes, scales, zeros);
              }
            }
          }
        });
    requireFinite(name, scales, across, format);
    requireFinite(name, offsets, across, format);
    final long[] shape = {rows, columns};
    final int bits = format.bits();
    final SafetensorsType type = format.scaleType().stored();
    return switch (format.scheme()) {
      case SYMMETRIC -> GroupedTensor.symmetric(shape, bits, groups, codes, scales, type);
      case AFFINE -> GroupedTensor.affine(shape, bits, groups, codes, scales, zeros, type);
      case OFFSET -> GroupedTensor.withOffsets(shape, bits, groups, codes, scales, offsets, type);
    };
  }

  private static void requireFinite(String name, float[] scales, int across, WeightFormat format) {
    for (int g = 0; g < scales.length; g++) {
      if (!Float.isFinite(scales[g])) {
        throw BantamException.badInput(
            "The weights of '"
                + name
                + "' are too large for a scale of "
                + format.scaleType()
                + " (row "
                + g / across
                + "). Use 'scale-type: float32', or list the tensor under 'skip'.");
      }
    }
  }

  private static void quantizeGroup(
      float[] w,
      int from,
      int n,
      WeightFormat format,
      ClipSearch search,
      int group,
      byte[] codes,
      float[] scales,
      byte[] zeros) {
    final int bits = format.bits();
    final int low = -(1 << (bits - 1));
    if (format.scheme() == Scheme.SYMMETRIC) {
      scales[group] = symmetricScale(w, from, n, format, search);
    } else {
      final float share = affineShare(w, from, n, format, search);
      final float lowest = share * ScaleRules.lowest(w, from, n);
      final float highest = share * ScaleRules.highest(w, from, n);
      scales[group] = ScaleRules.affine(lowest, highest, bits, format.scaleType());
      zeros[group] = (byte) ScaleRules.zeroPoint(lowest, scales[group], bits);
    }
    IntegerCodes.quantize(w, from, n, scales[group], zeros[group], low, -low - 1, codes);
  }

  private static float symmetricScale(
      float[] w, int from, int n, WeightFormat format, ClipSearch search) {
    final float peak = ScaleRules.peak(w, from, n);
    if (format.range() == Range.MIN_MAX) {
      return ScaleRules.restricted(peak, format.bits(), format.scaleType());
    }
    final float share =
        search.symmetric(
            w, from, n, format.bits(), format.scaleType(), ClipSearch.COARSE, ClipSearch.FINE);
    return ScaleRules.half(share * peak, format.bits(), format.scaleType());
  }

  private static float affineShare(
      float[] w, int from, int n, WeightFormat format, ClipSearch search) {
    return format.range() == Range.MIN_MAX
        ? 1f
        : search.affine(
            w, from, n, format.bits(), format.scaleType(), ClipSearch.COARSE, ClipSearch.FINE);
  }
}
