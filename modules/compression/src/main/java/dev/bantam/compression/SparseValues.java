package dev.bantam.compression;

import dev.bantam.checkpoint.HalfFloats;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.tensor.Floats;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The values of a tensor that are not zero once they are rounded to the type they are stored in.
 *
 * @param kept by element, whether it is stored
 * @param type F32 or F16
 * @param bytes the stored values in order, little endian
 */
@SuppressWarnings("ArrayRecordComponent") // passed on within this package, compared nowhere
record SparseValues(boolean[] kept, SafetensorsType type, byte[] bytes) {

  /**
   * @param tensor row-major, not modified
   */
  static SparseValues of(float[] tensor, SafetensorsType type) {
    DenseTensor.requireFloat(type);
    final boolean[] kept = new boolean[tensor.length];
    int count = 0;
    for (int i = 0; i < tensor.length; i++) {
      final float stored =
          type == SafetensorsType.F32
              ? tensor[i]
              : HalfFloats.fromHalf(HalfFloats.toHalf(tensor[i]));
      kept[i] = stored != 0f;
      count += kept[i] ? 1 : 0;
    }
    final float[] values = new float[count];
    for (int i = 0, k = 0; i < tensor.length; i++) {
      if (kept[i]) {
        values[k++] = tensor[i];
      }
    }
    return new SparseValues(kept, type, DenseTensor.toBytes(values, type));
  }

  static StoredEntry entry(SafetensorsType type, byte[] bytes) {
    return new StoredEntry(
        StoredEntry.VALUES, type, new long[] {bytes.length / (type.bits() / 8)}, bytes);
  }

  /** A tensor of zeros with values at the given ascending positions. */
  static INDArray scatter(MatrixShape shape, Consumer<IntConsumer> positions, float[] values) {
    final float[] dense = new float[shape.length()];
    positions.accept(
        new IntConsumer() {
          private int next;

          @Override
          public void accept(int position) {
            dense[position] = values[next++];
          }
        });
    return Floats.tensor(dense, shape.dimensions());
  }
}
