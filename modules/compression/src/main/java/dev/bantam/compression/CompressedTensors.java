package dev.bantam.compression;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.compression.GroupedTensor.Zero;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Choice and decoding of stored forms. */
public final class CompressedTensors {
  private CompressedTensors() {}

  /**
   * The form of fewest bytes that stores a tensor with zeros exactly: dense, bitmask-sparse or
   * index-sparse, of elements or of runs of them; the first of these among equals. The sparse ones
   * restore a negative zero as +0.
   *
   * @param tensor float32, C order
   * @param values F32, or F16 to round to
   */
  public static CompressedTensor cheapestSparse(INDArray tensor, SafetensorsType values) {
    final DenseTensor dense = DenseTensor.of(tensor, values);
    if (tensor.rank() == 0 || tensor.isEmpty()) {
      return dense;
    }
    final MatrixShape shape = MatrixShape.of(tensor.shape());
    final float[] all = Floats.toArray(tensor);
    final boolean[] nonZero = SparseValues.nonZero(all, values);
    final long bytesOfValue = values.bits() / 8;
    Runs best = new Runs(shape, 1);
    long least = Long.MAX_VALUE;
    for (Runs runs : Runs.candidates(shape)) {
      final long stored = bytesOfValue * SparseValues.count(runs.whole(nonZero));
      final long bytes = stored < least ? stored + Positions.bytes(runs, nonZero) : stored;
      if (bytes < least) {
        best = runs;
        least = bytes;
      }
    }
    if (dense.storedBytes() <= least) {
      return dense;
    }
    final SparseValues sparse = SparseValues.of(best, all, nonZero, values);
    final boolean masked = BitMask.bytes(best.units()) <= Gaps.cost(best.units(nonZero)).bytes();
    return masked ? BitmaskTensor.of(sparse) : IndexTensor.of(sparse);
  }

  /**
   * The form of fewest bytes that restores to the same values as {@code grouped}: itself, or
   * without the codes of zeros.
   */
  public static CompressedTensor cheapestGrouped(GroupedTensor grouped) {
    return SparseGroupedTensor.ifSmaller(grouped).map(CompressedTensor.class::cast).orElse(grouped);
  }

  /**
   * About how many bytes the cheapest form will need after zeroing a share of a tensor.
   *
   * @param denseBytes bytes of the tensor with all its values or codes
   */
  public static long sparseBytes(long elements, long denseBytes, double sparsity) {
    final double values = denseBytes * (1 - sparsity);
    final double mask = elements / 8.0;
    // a gap between kept positions takes about a byte where zeros are not very rare
    final double gaps = elements * (1 - sparsity);
    return Math.min(denseBytes, Math.round(values + Math.min(mask, gaps)));
  }

  /**
   * A quantized tensor with some elements set to zero, its codes and scales otherwise as they are.
   *
   * @param form what the tensor was quantized to
   * @param zeroed its values, with further zeros
   * @return empty if {@code form} is not one of integer codes that can hold zeros
   */
  public static Optional<CompressedTensor> withZeros(CompressedTensor form, INDArray zeroed) {
    final GroupedTensor grouped;
    if (form instanceof GroupedTensor g && g.zero() != Zero.OFFSET) {
      grouped = g;
    } else if (form instanceof SparseGroupedTensor s) {
      grouped = s.grouped();
    } else {
      return Optional.empty();
    }
    final float[] values = Floats.toArray(zeroed);
    final boolean[] kept = new boolean[values.length];
    for (int i = 0; i < values.length; i++) {
      kept[i] = values[i] != 0f;
    }
    return Optional.of(cheapestGrouped(grouped.masked(kept)));
  }

  static CompressedTensor decode(
      String form, Map<String, String> attributes, Map<String, StoredEntry> entries) {
    return switch (form) {
      case DenseTensor.FORM -> DenseTensor.decode(attributes, entries);
      case BitmaskTensor.FORM -> BitmaskTensor.decode(attributes, entries);
      case IndexTensor.FORM -> IndexTensor.decode(attributes, entries);
      case NOfMTensor.FORM -> NOfMTensor.decode(attributes, entries);
      case GroupedTensor.FORM -> GroupedTensor.decode(attributes, entries);
      case SparseGroupedTensor.FORM -> SparseGroupedTensor.decode(attributes, entries);
      case BinaryTensor.FORM -> BinaryTensor.decode(attributes, entries);
      case TernaryTensor.FORM -> TernaryTensor.decode(attributes, entries);
      default -> throw BantamException.badInput("its form '" + form + "' is not known.");
    };
  }
}
