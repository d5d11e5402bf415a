package dev.bantam.compression;

import dev.bantam.checkpoint.HalfFloats;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.tensor.Floats;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The values of a tensor that are stored: all runs with an element that is not zero once it is
 * rounded to the type it is stored in.
 *
 * @param runs what is stored or left out together
 * @param kept by element, whether it is stored
 * @param type F32 or F16
 * @param bytes the stored values in order, little endian
 */
@SuppressWarnings("ArrayRecordComponent") // passed on within this package, compared nowhere
record SparseValues(Runs runs, boolean[] kept, SafetensorsType type, byte[] bytes) {

  /** Which elements are not zero once they are rounded. */
  static boolean[] nonZero(float[] tensor, SafetensorsType type) {
    DenseTensor.requireFloat(type);
    final boolean[] kept = new boolean[tensor.length];
    for (int i = 0; i < tensor.length; i++) {
      final float stored =
          type == SafetensorsType.F32
              ? tensor[i]
              : HalfFloats.fromHalf(HalfFloats.toHalf(tensor[i]));
      kept[i] = stored != 0f;
    }
    return kept;
  }

  /**
   * @param tensor row-major, not modified
   * @param nonZero of {@link #nonZero}
   */
  static SparseValues of(Runs runs, float[] tensor, boolean[] nonZero, SafetensorsType type) {
    final boolean[] kept = runs.whole(nonZero);
    final float[] values = new float[count(kept)];
    for (int i = 0, k = 0; i < tensor.length; i++) {
      if (kept[i]) {
        values[k++] = nonZero[i] ? tensor[i] : 0f; // a negative zero within a run, too
      }
    }
    return new SparseValues(runs, kept, type, DenseTensor.toBytes(values, type));
  }

  /** In runs of one. */
  static SparseValues of(MatrixShape shape, float[] tensor, SafetensorsType type) {
    return of(new Runs(shape, 1), tensor, nonZero(tensor, type), type);
  }

  static int count(boolean[] kept) {
    int count = 0;
    for (boolean k : kept) {
      count += k ? 1 : 0;
    }
    return count;
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
