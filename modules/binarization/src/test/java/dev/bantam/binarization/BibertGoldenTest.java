package dev.bantam.binarization;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.model.Loss;
import dev.bantam.model.Tile;
import dev.bantam.tensor.Floats;
import dev.bantam.training.DistillationLosses;
import dev.bantam.training.DistillationLosses.Reduction;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Operators, word table and losses of BiBERT against its published code (case.json names it). */
class BibertGoldenTest {
  static List<Path> linears() {
    return GoldenCase.folders("binarization", "bibert-linear");
  }

  static List<Path> functions() {
    return GoldenCase.folders("binarization", "bibert-activation-functions");
  }

  static List<Path> embeddings() {
    return GoldenCase.folders("binarization", "bibert-embedding");
  }

  static List<Path> losses() {
    return GoldenCase.folders("binarization", "bibert-losses");
  }

  /** The reference gives zeros a sign of 0; here they have that of their bit. */
  @ParameterizedTest
  @MethodSource("functions")
  void functionsAtTheirBoundaries(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final float[] x = golden.floats("x");
      final float[] y = x.clone();
      new CodedTransform(new SignInput()).forward(new Tile(y, 1, y.length, -1, -1, 0));
      golden.check("sign.y", y, i -> x[i] == 0f);
      final float[] dx = golden.floats("grad_output");
      new CodedTransform(new SignInput())
          .backward(new Tile(x, 1, x.length, -1, -1, 0), dx, new double[0][]);
      golden.check("sign.dx", dx);
      final float[] bools = new float[x.length];
      final float[] passed = golden.floats("grad_output");
      int zeros = 0;
      for (int i = 0; i < x.length; i++) {
        bools[i] = BiAttention.Threshold.ABOVE_ZERO.attends(x[i]) ? 1f : 0f;
        passed[i] = Signs.passes(x[i]) ? passed[i] : 0f;
        final boolean atLeast = BiAttention.Threshold.AT_LEAST_ZERO.attends(x[i]);
        assertEquals(x[i] == 0f || bools[i] == 1f, atLeast, "element " + i);
        zeros += x[i] == 0f ? 1 : 0;
        if (x[i] == 0f) {
          assertEquals(1f / x[i] > 0 ? 1f : -1f, y[i], "sign of " + x[i]);
        }
      }
      assertTrue(zeros > 0);
      golden.check("bool.y", bools);
      golden.check("bool.dx", passed);
    }
  }

  private static WeightCoder weights(GoldenCase golden) {
    return golden.weights(BinaryWeights.BIBERT, false);
  }

  private static InputCoder inputs(GoldenCase golden) {
    final int bits = golden.integer("input_bits");
    return bits == 1 ? new SignInput() : new RangeInput(bits, golden.clip());
  }

  /** The codes of all rows as one row: the reference takes ranges over the whole tensor. */
  private static float[] decodedAsOne(InputCoder coder, float[] x) {
    final float[] codes = new float[x.length];
    final float[] scale = new float[1];
    coder.encode(x, 1, x.length, codes, scale);
    CodedTransform.decode(codes, scale, 1, x.length, coder.shift(), codes);
    return codes;
  }

  @ParameterizedTest
  @MethodSource("linears")
  void linear(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final float[] w = golden.floats("weight");
      final float[] x = golden.floats("x");
      final float[] g = golden.floats("grad_output");
      final float[] bias = golden.floats("bias");
      final int outputs = bias.length;
      final int k = w.length / outputs;
      final int rows = x.length / k;
      final InputCoder coder = inputs(golden);
      final float[] coded = decodedAsOne(coder, x);
      final float[] binary = decoded(weights(golden), w, outputs, k);
      final boolean zeros = golden.toString().endsWith("sign0");
      if (golden.has("weight_binary")) {
        final float[] reference = golden.floats("weight_binary");
        golden.check("weight_binary", binary, i -> zeros && reference[i] == 0f);
        if (zeros) {
          assertTrue(IntStream.range(0, w.length).anyMatch(i -> reference[i] == 0f));
          return; // zeros take part here, and not in the reference
        }
      }
      final float[] y = new float[rows * outputs];
      final float[] dx = new float[rows * k];
      final float[] dw = new float[outputs * k];
      for (int r = 0; r < rows; r++) {
        for (int o = 0; o < outputs; o++) {
          double dot = bias[o];
          for (int c = 0; c < k; c++) {
            dot += (double) coded[r * k + c] * binary[o * k + c];
            dx[r * k + c] += g[r * outputs + o] * binary[o * k + c];
            dw[o * k + c] += g[r * outputs + o] * coded[r * k + c];
          }
          y[r * outputs + o] = (float) dot;
        }
      }
      coder.backward(x, rows, 0, k, dx, new double[0][]);
      golden.check("y", y);
      golden.check("dx", dx);
      golden.check("dweight", backward(weights(golden), w, outputs, k, dw));
      final float[] db = new float[outputs];
      for (int i = 0; i < g.length; i++) {
        db[i % outputs] += g[i];
      }
      golden.check("dbias", db);
    }
  }

  /** The operator itself, where ranges do not matter. */
  @ParameterizedTest
  @MethodSource("linears")
  void operator(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      if (golden.integer("input_bits") > 1 || golden.toString().endsWith("sign0")) {
        return;
      }
      final float[] bias = golden.floats("bias");
      final float[] x = golden.floats("x");
      final int k = golden.floats("weight").length / bias.length;
      final INDArray weight = Floats.tensor(golden.floats("weight"), bias.length, k);
      try (QuantizedLinear operator =
          new QuantizedLinear(weight, weights(golden), Optional.of(inputs(golden)))) {
        golden.check("y", Operators.forward(operator, x, x.length / k, bias));
        final Map<String, float[]> gradients =
            Operators.backward(operator, x, x.length / k, golden.floats("grad_output"));
        golden.check("dx", gradients.get("x"));
        golden.check("dweight", gradients.get("weight"));
        for (int r = 0; r < bias.length && golden.integer("weight_bits") == 1; r++) {
          double sum = 0;
          for (int c = 0; c < k; c++) {
            sum += gradients.get("weight")[r * k + c];
          }
          assertEquals(0, sum, 1e-5, "row " + r);
        }
      }
    }
  }

  static float[] decoded(WeightCoder coder, float[] w, int rows, int columns) {
    final double[] whole = coder.measure(Floats.of(Floats.tensor(w, rows, columns)), rows, columns);
    final float[] all = new float[w.length];
    final float[] codes = new float[columns];
    for (int r = 0; r < rows; r++) {
      final float[] row = java.util.Arrays.copyOfRange(w, r * columns, (r + 1) * columns);
      final float scale = coder.encode(row, columns, whole, codes);
      for (int c = 0; c < columns; c++) {
        all[r * columns + c] = scale * codes[c];
      }
    }
    return all;
  }

  static float[] backward(WeightCoder coder, float[] w, int rows, int columns, float[] gradient) {
    final double[] whole = coder.measure(Floats.of(Floats.tensor(w, rows, columns)), rows, columns);
    final float[] all = new float[w.length];
    for (int r = 0; r < rows; r++) {
      final float[] row = java.util.Arrays.copyOfRange(w, r * columns, (r + 1) * columns);
      final float[] part = java.util.Arrays.copyOfRange(gradient, r * columns, (r + 1) * columns);
      coder.backward(row, columns, whole, part);
      System.arraycopy(part, 0, all, r * columns, columns);
    }
    return all;
  }

  @ParameterizedTest
  @MethodSource("embeddings")
  void wordTable(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      WordTables.check(golden, golden.weights(BinaryWeights.BIBERT, true));
    }
  }

  @ParameterizedTest
  @MethodSource("losses")
  void losses(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final int layers = golden.integer("student_layers");
      final int k = golden.integer("teacher_layers") / layers;
      double sum = 0;
      for (int i = 0; i < layers; i++) {
        final float[] student = golden.floats("student." + i);
        final float[] gradient = new float[student.length];
        sum +=
            DirectionMatching.distance(
                student, golden.floats("teacher." + (i * k + k - 1)), gradient);
        golden.check("grad.student." + i, gradient);
      }
      golden.check("loss", sum);
      final float[] logits = golden.floats("ce.student");
      final float[] gradient = new float[logits.length];
      final int rows = Math.toIntExact(golden.shape("ce.student")[0]);
      final Loss soft =
          DistillationLosses.softCrossEntropy(golden.floats("ce.teacher"), Reduction.MEAN);
      golden.check("ce.loss", soft.apply(logits, rows, logits.length / rows, gradient));
      golden.check("ce.grad.student", gradient);
    }
  }

  /** A worked example: means .2 and -.1, scales .25 and .3. */
  @Test
  void oneRowByHand() {
    final float[] w = {.3f, -.1f, .5f, .1f, -.2f, -.6f, 0f, .4f};
    final float[] binary = decoded(BinaryWeights.BIBERT, w, 2, 4);
    final float[] expected = {.25f, -.25f, .25f, -.25f, -.3f, -.3f, .3f, .3f};
    final float[] x = {.2f, -1.5f, 0f, 3f};
    double first = 0;
    double second = 0;
    for (int c = 0; c < 4; c++) {
      assertEquals(expected[c], binary[c], 1e-6);
      assertEquals(expected[4 + c], binary[4 + c], 1e-6);
      first += Signs.of(x[c]) * binary[c];
      second += Signs.of(x[c]) * binary[4 + c];
    }
    assertEquals(0.5, first, 1e-6);
    assertEquals(0.6, second, 1e-6);
    final float[] g = backward(BinaryWeights.BIBERT, w, 2, 4, new float[] {1, 0, 0, 0, 0, 0, 0, 0});
    assertEquals(.75, g[0], 1e-6);
    assertEquals(-.25, g[3], 1e-6);
  }

  /** F_S = [[1,0],[1,1]], F_T = diag(2,1): 0.948663. */
  @Test
  void directionByHand() {
    final float[] s = {1, 0, 1, 1};
    final float[] t = {2, 0, 0, 1};
    try (dev.bantam.tensor.Workers workers = new dev.bantam.tensor.Workers(1)) {
      final int[] one = {0, 2};
      final float[] teacher = DirectionMatching.relations(t, one, 1, workers);
      final float[] g = new float[4];
      assertEquals(0.948663, DirectionMatching.relations(s, teacher, one, 1, workers, g), 1e-6);
      final float[] scaled = {-3, 0, 0, -1.5f};
      final double none = DirectionMatching.relations(scaled, teacher, one, 1, workers, g);
      assertEquals(0, none, 1e-6);
    }
  }
}
