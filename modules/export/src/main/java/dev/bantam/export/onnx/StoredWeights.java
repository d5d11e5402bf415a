package dev.bantam.export.onnx;

import dev.bantam.compression.CompressedTensor;
import dev.bantam.tensor.Floats;
import java.util.Map;

/** The weights that a graph is written from, each in the form that it is stored in. */
record StoredWeights(Map<String, CompressedTensor> tensors) {
  CompressedTensor get(String name) {
    final CompressedTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException("The model has no weight '" + name + "'");
    }
    return tensor;
  }

  long[] shape(String name) {
    return get(name).shape();
  }

  /** The restored values, C order. */
  float[] floats(String name) {
    final Floats dense = Floats.of(get(name).dense());
    final float[] values = Floats.toArray(dense.array());
    dense.close();
    return values;
  }

  /** A matrix [out, in] as [in, out]. */
  float[] transposed(String name) {
    final float[] values = floats(name);
    final int rows = Math.toIntExact(shape(name)[0]);
    final int columns = values.length / rows;
    final float[] transposed = new float[values.length];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        transposed[c * rows + r] = values[r * columns + c];
      }
    }
    return transposed;
  }
}
