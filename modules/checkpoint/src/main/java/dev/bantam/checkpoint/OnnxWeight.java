package dev.bantam.checkpoint;

import java.util.Objects;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A stored tensor as a parameter.
 *
 * @param tensor as it is stored
 * @param transposed whether it is stored as [in, out]
 */
record OnnxWeight(OnnxTensor tensor, boolean transposed) {
  OnnxWeight {
    Objects.requireNonNull(tensor, "tensor");
  }

  /** A vector or a table, which is stored as it is. */
  static OnnxWeight plain(OnnxTensor tensor) {
    return new OnnxWeight(tensor, false);
  }

  /** Shape of the parameter, [out, in] for a matrix. */
  long[] shape() {
    final long[] stored = tensor.shape();
    return transposed && stored.length == 2 ? new long[] {stored[1], stored[0]} : stored;
  }

  /** The parameter as a new float32 array; the tensor has no problem. */
  INDArray load() {
    if (!transposed) {
      return FloatTensors.create(shape(), tensor.floats());
    }
    final int in = Math.toIntExact(shape()[1]);
    final int out = Math.toIntExact(shape()[0]);
    final float[] stored = new float[Math.multiplyExact(in, out)];
    tensor.floats().fill(0, stored, stored.length);
    return FloatTensors.create(
        shape(),
        (from, tile, count) -> {
          for (int i = 0; i < count; i++) {
            final int at = (int) from + i;
            tile[i] = stored[at % in * out + at / in];
          }
        });
  }
}
