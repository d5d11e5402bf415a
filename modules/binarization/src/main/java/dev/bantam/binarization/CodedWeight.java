package dev.bantam.binarization;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.compression.BinaryTensor;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.Groups;
import dev.bantam.compression.TernaryTensor;
import dev.bantam.tensor.Floats;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Codes and scales of a latent weight, as they are stored.
 *
 * @param codes [rows * columns]
 * @param scales one a row, all the same where the coder has one for all
 */
@SuppressWarnings("ArrayRecordComponent") // a result handed over, not kept
record CodedWeight(WeightCoder coder, long[] shape, byte[] codes, float[] scales) {
  /** Codes a matrix as it is now. */
  static CodedWeight of(WeightCoder coder, INDArray weight) {
    final int rows = Math.toIntExact(weight.size(0));
    final int columns = Math.toIntExact(weight.size(1));
    final Floats latent = Floats.of(weight);
    final double[] whole = coder.measure(latent, rows, columns);
    final float[] row = new float[columns];
    final float[] coded = new float[columns];
    final byte[] codes = new byte[Math.multiplyExact(rows, columns)];
    final float[] scales = new float[rows];
    for (int r = 0; r < rows; r++) {
      latent.read(r * columns, row, 0, columns);
      scales[r] = coder.encode(row, columns, whole, coded);
      for (int c = 0; c < columns; c++) {
        codes[r * columns + c] = (byte) coded[c];
      }
    }
    return new CodedWeight(coder, weight.shape(), codes, scales);
  }

  /** The stored form. */
  CompressedTensor form() {
    final int rows = Math.toIntExact(shape[0]);
    final int columns = Math.toIntExact(shape[1]);
    final Groups groups =
        coder.oneScale() ? Groups.whole(rows, columns) : Groups.perRow(rows, columns);
    final float[] stored = coder.oneScale() ? new float[] {scales[0]} : scales;
    if (coder.levels() == 3) {
      return TernaryTensor.of(shape, groups, codes, stored, SafetensorsType.F32);
    }
    final boolean[] positive = new boolean[codes.length];
    for (int i = 0; i < codes.length; i++) {
      positive[i] = codes[i] > 0;
    }
    return BinaryTensor.of(shape, groups, positive, stored, SafetensorsType.F32);
  }
}
