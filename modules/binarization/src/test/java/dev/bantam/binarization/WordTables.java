package dev.bantam.binarization;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.model.Tile;
import dev.bantam.tensor.Floats;

/** A golden case of a coded word table, looked up and differentiated token by token. */
final class WordTables {
  private WordTables() {}

  static void check(GoldenCase golden, WeightCoder coder) {
    final float[] table = golden.floats("weight");
    final int[] ids = golden.ints("ids");
    final int d = golden.floats("y").length / ids.length;
    final float[] rows = new float[ids.length * d];
    for (int t = 0; t < ids.length; t++) {
      System.arraycopy(table, ids[t] * d, rows, t * d, d);
    }
    final CodedRows transform = new CodedRows(coder, Floats.tensor(table, table.length / d, d));
    final float[] y = rows.clone();
    transform.forward(new Tile(y, ids.length, d, -1, -1, 0));
    golden.check("y", y);
    final float[] g = golden.floats("grad_output");
    transform.backward(new Tile(rows, ids.length, d, -1, -1, 0), g, new double[0][]);
    final int padding = golden.parameters().path("padding_idx").asInt(0);
    final float[] sum = new float[table.length];
    boolean padded = false;
    for (int t = 0; t < ids.length; t++) {
      padded |= ids[t] == padding;
      for (int c = 0; c < d && ids[t] != padding; c++) {
        sum[ids[t] * d + c] += g[t * d + c];
      }
    }
    assertTrue(padded, "a padding token is part of the case");
    golden.check("dweight", sum);
  }
}
