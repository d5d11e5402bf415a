package dev.bantam.binarization;

import dev.bantam.model.ActivationTransform;
import dev.bantam.model.Tile;
import dev.bantam.tensor.Floats;
import java.util.Arrays;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A coded word table in training: the site {@code embeddings.word} gets rows of the latent table,
 * and each is coded on its way. The gradient of a row of the table is the sum of what its tokens
 * send back, as if the table itself had been coded.
 */
final class CodedRows implements ActivationTransform {
  private final WeightCoder coder;
  private final Floats table;
  private final int rows;
  private final int columns;
  private double[] whole = WeightCoder.NOTHING;

  /**
   * @param table the latent table, kept and not copied
   */
  CodedRows(WeightCoder coder, INDArray table) {
    this.coder = coder;
    this.table = Floats.of(table);
    this.rows = Math.toIntExact(table.size(0));
    this.columns = Math.toIntExact(table.size(1));
    prepare();
  }

  @Override
  public void prepare() {
    whole = coder.measure(table, rows, columns);
  }

  @Override
  public void forward(Tile tile) {
    final float[] codes = new float[columns];
    for (int r = 0; r < tile.rows(); r++) {
      final int from = r * columns;
      final float[] row = Arrays.copyOfRange(tile.values(), from, from + columns);
      final float scale = coder.encode(row, columns, whole, codes);
      for (int c = 0; c < columns; c++) {
        tile.values()[from + c] = scale * codes[c];
      }
    }
  }

  @Override
  public void backward(Tile input, float[] gradient, double[][] parameterGradients) {
    for (int r = 0; r < input.rows(); r++) {
      final int from = r * columns;
      final float[] row = Arrays.copyOfRange(input.values(), from, from + columns);
      final float[] part = Arrays.copyOfRange(gradient, from, from + columns);
      coder.backward(row, columns, whole, part);
      System.arraycopy(part, 0, gradient, from, columns);
    }
  }
}
