package dev.bantam.pruning;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.bantam.compression.BlockFisher;
import dev.bantam.compression.Cholesky;
import dev.bantam.compression.LayerHessian;
import dev.bantam.compression.SecondMoments;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Wanda, SparseGPT and ExactOBS against the authors' own code (locuslab/wanda at 8e8fc87b4a2f,
 * IST-DASLab/sparsegpt at 147d2159dc4f, IST-DASLab/OBC at 9b7979bfc9ee; the cases have the
 * settings). Counts are theirs; how the product counts is tested where it does.
 */
class LayerwiseGoldenTest {
  private static final Workers WORKERS = new Workers(2);

  @AfterAll
  static void close() {
    WORKERS.close();
  }

  static List<Path> wanda() {
    return GoldenCase.folders("pruning", "wanda-");
  }

  static List<Path> sparseGpt() {
    return GoldenCase.folders("pruning", "sparsegpt-");
  }

  static List<Path> exactObs() {
    return GoldenCase.folders("pruning", "obc-");
  }

  /** Values within a case's tolerance. */
  private static void check(GoldenCase golden, String name, double[] expected, double[] got) {
    assertEquals(expected.length, got.length, name);
    final JsonNode tolerance = golden.tolerance(name);
    for (int i = 0; i < got.length; i++) {
      final double allowed =
          tolerance.path("abs").asDouble()
              + tolerance.path("rel").asDouble() * Math.abs(expected[i]);
      assertEquals(expected[i], got[i], allowed, name + " at " + i);
    }
  }

  private static double[] wide(float[] values) {
    return IntStream.range(0, values.length).mapToDouble(i -> values[i]).toArray();
  }

  private static void mask(byte[] expected, boolean[] kept, float[] w) {
    for (int i = 0; i < kept.length; i++) {
      assertEquals(expected[i] != 0, w[i] != 0f, "weight " + i);
      assertTrue(kept[i] || w[i] == 0f, "mark " + i);
    }
  }

  @ParameterizedTest
  @MethodSource("wanda")
  void wanda(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final JsonNode p = golden.parameters();
      final int rows = (int) golden.shape("in.w")[0];
      final int n = (int) golden.shape("in.w")[1];
      final int texts = (int) golden.shape("in.x")[0];
      final float[] x = golden.floats("in.x");
      final float[] w = golden.floats("in.w");
      final InputNorms norms = new InputNorms(n);
      norms.add(Floats.of(Floats.tensor(x, x.length / n, n)), x.length / n, texts);
      final double[] means = IntStream.range(0, n).mapToDouble(norms::meanSquare).toArray();
      check(golden, "scaler_row", wide(golden.floats("out.scaler_row")), means);
      final double[] scores =
          IntStream.range(0, w.length)
              .mapToDouble(i -> Wanda.score(w[i], means[i % n], true))
              .toArray();
      check(golden, "metric", wide(golden.floats("out.metric")), scores);
      final boolean[] kept = Arithmetic.all(w.length);
      final int m = p.path("prune_m").asInt();
      for (int r = 0; r < rows; r++) {
        if (m == 0) {
          final int count = golden.expected().path("wanda_zeros_per_row").get(r).asInt();
          RowSelection.lowest(scores, r * n, n, count, kept, r * n);
        } else {
          for (int j = r * n; j < (r + 1) * n; j += m) {
            RowSelection.lowest(scores, j, m, p.path("prune_n").asInt(), kept, j);
          }
        }
      }
      final float[] expected = golden.floats("out.wanda_weights");
      for (int i = 0; i < w.length; i++) {
        assertEquals(expected[i], kept[i] ? w[i] : 0f, "weight " + i);
      }
      magnitude(golden, w);
    }
  }

  /** Its baseline. */
  private static void magnitude(GoldenCase golden, float[] w) {
    final int m = golden.parameters().path("prune_m").asInt();
    final float[] pruned = w.clone();
    if (m == 0) {
      SmallestMagnitudes.zero(
          new float[][] {pruned}, golden.expected().path("magnitude_zeros").asInt());
    } else {
      final boolean[] goes =
          Choice.fixed(
              new Pattern(1, m - golden.parameters().path("prune_n").asInt(), m),
              Magnitude.squares(w),
              Arithmetic.all(w.length));
      for (int i = 0; i < w.length; i++) {
        pruned[i] = goes[i] ? 0f : w[i];
      }
    }
    assertArrayEquals(golden.floats("out.magnitude_weights"), pruned);
  }

  private static SecondMoments moments(GoldenCase golden, boolean countRows) {
    final long[] shape = golden.shape("in.x");
    final int n = (int) shape[shape.length - 1];
    final float[] x = golden.floats("in.x");
    final int rows = x.length / n;
    final int batches = golden.parameters().path("batches").asInt(1);
    try (SecondMoments moments = new SecondMoments(n, WORKERS)) {
      for (int b = 0; b < batches; b++) {
        final int from = b * rows / batches;
        final int to = (b + 1) * rows / batches;
        final float[] part = Arrays.copyOfRange(x, from * n, to * n);
        final int texts = shape.length == 3 ? (int) shape[0] / batches : countRows ? to - from : 1;
        moments.add(Floats.of(Floats.tensor(part, to - from, n)), to - from, texts);
      }
      return moments;
    }
  }

  private static void hessian(GoldenCase golden, SecondMoments moments) {
    final int n = moments.size();
    check(
        golden,
        "H",
        golden.doubles("out.H"),
        IntStream.range(0, n * n).mapToDouble(i -> moments.at(i / n, i % n)).toArray());
  }

  @ParameterizedTest
  @MethodSource("sparseGpt")
  void sparseGpt(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final JsonNode p = golden.parameters();
      final SecondMoments moments = moments(golden, false);
      hessian(golden, moments);
      final float[] w = golden.floats("in.w");
      final boolean[] kept = Arithmetic.all(w.length);
      final LayerHessian h = LayerHessian.of(moments, p.path("percdamp").asDouble(), false);
      final SparseGptMatrix matrix =
          new SparseGptMatrix(h, p.path("blocksize").asInt(), w, kept, WORKERS);
      final int m = p.path("prune_m").asInt();
      final double error;
      if (m > 0) {
        error = matrix.prune(m - p.path("prune_n").asInt(), m);
      } else {
        final JsonNode zeros = golden.expected().path("zeros_per_block");
        error =
            matrix.prune(
                IntStream.range(0, zeros.size()).mapToLong(b -> zeros.get(b).asInt()).toArray());
      }
      matrix.write(w, kept);
      mask(golden.bytes("out.mask"), kept, w);
      check(golden, "weights", golden.doubles("out.weights"), wide(w));
      assertEquals(
          golden.expected().path("error").asDouble(),
          error,
          golden.tolerance("error").path("abs").asDouble());
    }
  }

  @ParameterizedTest
  @MethodSource("exactObs")
  void exactObs(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final JsonNode p = golden.parameters();
      final SecondMoments moments = moments(golden, true);
      hessian(golden, moments);
      final float[] w = golden.floats("in.w");
      final int size = p.path("block").isNull() ? 1 : p.path("block").asInt();
      final int m = p.path("m").asInt(0);
      final ExactObsMatrix matrix =
          new ExactObsMatrix(
              LayerHessian.dampenedFirst(moments, p.path("rel_damp").asDouble()),
              size,
              m - p.path("n_pruned").asInt(0),
              m,
              w,
              Arithmetic.all(w.length),
              WORKERS);
      final float[] after = new float[w.length];
      final boolean[] kept = new boolean[w.length];
      if (m > 0) {
        matrix.write(0, after, kept);
        mask(golden.bytes("out.mask_nm"), kept, after);
        check(golden, "w_nm", golden.doubles("out.w_nm"), wide(after));
        return;
      }
      final int steps = (int) golden.shape("out.losses")[1];
      final double[] losses = new double[golden.doubles("out.losses").length];
      for (int r = 0; r < losses.length / steps; r++) {
        System.arraycopy(matrix.losses(r), 0, losses, r * steps + 1, steps - 1);
      }
      check(golden, "losses", golden.doubles("out.losses"), losses);
      for (JsonNode s : p.path("sparsities")) {
        final String suffix = String.format(Locale.ROOT, "_%.2f", s.asDouble());
        final int groups = w.length / size;
        matrix.write((long) Math.ceil(groups * s.asDouble()), after, kept);
        mask(golden.bytes("out.mask" + suffix), kept, after);
        check(golden, "w" + suffix, golden.doubles("out.w" + suffix), wide(after));
      }
      assertTrue(p.path("sparsities").size() > 0);
    }
  }

  /** One matrix of five programs: M-FAC whole and in blocks, sparseml's two, WoodFisher's block. */
  static List<Path> fisher() {
    return GoldenCase.folders("pruning", "mfac-woodfisher");
  }

  @ParameterizedTest
  @MethodSource("fisher")
  void fisher(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final int d = golden.parameters().path("d").asInt();
      final int block = golden.parameters().path("block").asInt();
      inverse(golden, d, "full_diag", "full_mul");
      inverse(golden, d, "obert_full_diag", "obert_full_mul");
      inverse(golden, d, "sparseml_mfac_diag", "sparseml_mfac_mul");
      inverse(golden, block, "block_diag", "block_mul");
      inverse(golden, block, "obert_diag", "obert_mul");
    }
  }

  /** Diagonal of the inverse, and its product with a vector, from blocks of a size. */
  private static void inverse(GoldenCase golden, int block, String diagonal, String product) {
    final JsonNode p = golden.parameters();
    final float[] x = golden.floats("in.x");
    final double[] diagonals = new double[x.length];
    final double[] products = new double[x.length];
    try (BlockFisher fisher = fisher(golden, x.length, block)) {
      for (int b = 0; b < fisher.blocks(); b++) {
        final int n = fisher.length(b);
        final double[] f = new double[n * n];
        final double[] v = new double[n * n];
        fisher.matrix(
            b, p.path("damp").asDouble(), p.path("num_grads").asLong(), fisher.scratch(), f);
        assertTrue(Cholesky.factor(f, n));
        Cholesky.invert(f, n, v);
        for (int i = 0; i < n; i++) {
          diagonals[fisher.start(b) + i] = Cholesky.inverseElement(v, n, i, i);
          for (int j = 0; j < n; j++) {
            products[fisher.start(b) + i] +=
                Cholesky.inverseElement(v, n, i, j) * x[fisher.start(b) + j];
          }
        }
      }
    }
    check(golden, diagonal, golden.doubles("out." + diagonal), diagonals);
    check(golden, product, golden.doubles("out." + product), products);
  }

  private static BlockFisher fisher(GoldenCase golden, int elements, int block) {
    final BlockFisher fisher = new BlockFisher(elements, block, 7);
    final float[] g = golden.floats("in.grads");
    for (int from = 0; from < g.length; from += elements) {
      final float[] one = Arrays.copyOfRange(g, from, from + elements);
      fisher.buffer(Floats.of(Floats.tensor(one, one.length)));
      if (fisher.isFull()) {
        fisher.flush(WORKERS);
      }
    }
    fisher.flush(WORKERS);
    return fisher;
  }

  /** The order, the sums of losses and the weights of every block. */
  static List<Path> cap() {
    return GoldenCase.folders("pruning", "cap");
  }

  @ParameterizedTest
  @MethodSource("cap")
  void cap(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final JsonNode p = golden.parameters();
      final int block = p.path("block").asInt();
      final float[] w = golden.floats("in.w");
      try (BlockFisher fisher = fisher(golden, w.length, block)) {
        final Surgeon surgeon =
            new Surgeon(
                "w",
                fisher,
                p.path("damp").asDouble(),
                p.path("num_grads").asLong(),
                Surgeon.UpdateRule.JOINT);
        final double[] losses = new double[w.length];
        final boolean[] kept = Arithmetic.all(w.length);
        surgeon.cumulativeLosses(Pattern.UNSTRUCTURED, w, kept, losses, WORKERS);
        check(golden, "losses", golden.doubles("out.losses"), losses);
        for (JsonNode s : p.path("sparsities")) {
          final String suffix = String.format(Locale.ROOT, "_s%.2f", s.asDouble());
          final int zeros = golden.expected().path("zeros" + suffix).asInt();
          final boolean[] removed = LowestScores.mark(new double[][] {losses}, zeros)[0];
          final float[] after = w.clone();
          final double loss = surgeon.remove(1, after, kept, removed, WORKERS);
          check(golden, "w" + suffix, golden.doubles("out.w" + suffix), wide(after));
          double sum = 0;
          for (int b = 0; b < w.length; b += block) {
            double last = 0;
            for (int i = b; i < b + block; i++) {
              last = removed[i] ? Math.max(last, losses[i]) : last;
            }
            sum += last;
          }
          assertEquals(sum, loss, 1e-6 * sum, "what is predicted is what the blocks add up to");
          assertArrayEquals(
              LowestScores.mark(new double[][] {golden.doubles("out.losses")}, zeros)[0], removed);
        }
        assertTrue(p.path("sparsities").size() > 0);
      }
    }
  }
}
