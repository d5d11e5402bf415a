package dev.bantam.deltamerging;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.deltamerging.WholeModelTies.NoMajority;
import dev.bantam.deltamerging.WholeModelTies.Reduction;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Programs of the authors of TIES, DELLA, BitDelta and DAREx. */
class AuthorsCasesTest {
  private static final Map<String, Reduction> REDUCTIONS =
      Map.of("dis-mean", Reduction.MEAN, "dis-sum", Reduction.SUM, "dis-max", Reduction.MAX);

  @Test
  void ties() {
    int checked = 0;
    for (var folder : GoldenCase.folders("merging", "ties-original")) {
      try (GoldenCase golden = new GoldenCase(folder)) {
        for (String name : golden.names()) {
          if (!name.endsWith(".trimmed")) {
            continue;
          }
          final String stem = name.substring(0, name.length() - ".trimmed".length());
          final String tensor = stem.substring(0, stem.indexOf('.'));
          final double share = Double.parseDouble(stem.substring(stem.indexOf(".k") + 2));
          final float[][] deltas = rows(golden, tensor + ".deltas");
          final WholeModelPass pass = new WholeModelPass(deltas.length);
          pass.addUpper(deltas);
          final double[] density = new double[deltas.length];
          java.util.Arrays.fill(density, share);
          pass.choose(density, NoMajority.KEEP_NEGATIVE);
          pass.addLower(deltas);
          pass.chooseThresholds();
          pass.addSigns(deltas);
          golden.check(name, flat(deltas));
          final int majority = pass.finish(NoMajority.KEEP_NEGATIVE).majority();
          golden.check(stem + ".sign", WholeModelTies.elect(deltas, majority));
          REDUCTIONS.forEach(
              (suffix, reduction) -> {
                final float[] tau = WholeModelTies.elect(deltas, majority);
                WholeModelTies.reduce(deltas, tau, NoMajority.KEEP_NEGATIVE, reduction);
                golden.check(stem + "." + suffix, tau);
              });
          checked++;
        }
      }
    }
    assertTrue(checked > 0, "no vectors");
  }

  private static float[][] rows(GoldenCase golden, String name) {
    final float[] all = golden.floats(name);
    final int columns = (int) golden.shape(name)[1];
    final float[][] rows = new float[all.length / columns][];
    java.util.Arrays.setAll(
        rows, r -> java.util.Arrays.copyOfRange(all, r * columns, (r + 1) * columns));
    return rows;
  }

  private static float[] flat(float[][] rows) {
    final float[] all = new float[rows.length * rows[0].length];
    for (int r = 0; r < rows.length; r++) {
      System.arraycopy(rows[r], 0, all, r * rows[0].length, rows[0].length);
    }
    return all;
  }

  @Test
  void della() {
    final Map<String, Della.Scale> scales =
        Map.of(
            "rank_magnitude", Della.Scale.ROW_RANK,
            "rank_magnitude_layer", Della.Scale.TENSOR_RANK,
            "magnitude_sample", Della.Scale.ROW_MAGNITUDE);
    int checked = 0;
    for (var folder : GoldenCase.folders("merging", "della-original")) {
      try (GoldenCase golden = new GoldenCase(folder)) {
        final double density = golden.parameters().path("density").asDouble();
        final double epsilon = golden.parameters().path("epsilon").asDouble();
        for (String name : golden.names()) {
          if (!golden.has(name + ".keep_prob")) {
            continue;
          }
          final String tensor = name.substring(0, name.indexOf('.'));
          final long[] shape = golden.shape(tensor + ".delta");
          final float[] delta = golden.floats(tensor + ".delta");
          final float[] kappa =
              Della.keepProbabilities(
                  delta,
                  (int) shape[shape.length - 1],
                  density,
                  epsilon,
                  scales.get(name.substring(name.indexOf('.') + 1)));
          final float[] theirs = golden.floats(name + ".keep_prob");
          checkChances(golden, name, delta, kappa, theirs);
          final byte[] mask = golden.bytes(name + ".mask");
          for (int i = 0; i < delta.length; i++) {
            delta[i] = mask[i] == 0 ? 0 : delta[i] / theirs[i];
          }
          golden.check(name, delta);
          checked++;
        }
      }
    }
    assertTrue(checked > 0, "no tensors");
  }

  /** Equal magnitudes of a row share their chances in any order. */
  private static void checkChances(
      GoldenCase golden, String name, float[] delta, float[] ours, float[] theirs) {
    for (int i = 0; i < delta.length; i++) {
      boolean alone = true;
      for (int j = 0; j < delta.length; j++) {
        alone &= i == j || Math.abs(delta[i]) != Math.abs(delta[j]);
      }
      if (alone) {
        assertEquals(theirs[i], ours[i], 1e-6, golden + " " + name + "[" + i + "]");
      }
    }
    double sum = 0;
    for (int i = 0; i < delta.length; i++) {
      sum += ours[i] - theirs[i];
    }
    assertEquals(0, sum, 1e-5 * delta.length, golden + " " + name);
  }

  @Test
  void bitDelta() {
    for (var folder : GoldenCase.folders("merging", "bitdelta")) {
      try (GoldenCase golden = new GoldenCase(folder)) {
        final float[] base = golden.floats("base");
        final float[] delta = golden.floats("finetuned");
        Deltas.subtract(delta, base, Precision.FLOAT32);
        final float scale = BitDelta.scale(delta);
        golden.check("coeff", new float[] {scale});
        final int[] signs = golden.ints("signs");
        for (int i = 0; i < delta.length; i++) {
          final boolean bit = BitDelta.bit(delta[i]);
          assertEquals(signs[i], bit ? 1 : -1, "sign " + i);
          delta[i] = bit ? scale : -scale;
        }
        Deltas.add(delta, base, Precision.FLOAT32);
        golden.check("reconstructed", delta);
      }
    }
  }

  /** The objective at q = 0.05, 0.10 .. 0.95; the program's own q is an artifact. */
  @Test
  void darexQ() {
    int checked = 0;
    for (var folder : GoldenCase.folders("merging", "darex-q")) {
      try (GoldenCase golden = new GoldenCase(folder)) {
        final var cases = golden.parameters().path("cases");
        for (int k = 0; k < cases.size(); k++) {
          final float[] c = golden.floats(cases.path(k).path("c").asText());
          final double p = cases.path(k).path("p").asDouble();
          final double eta = cases.path(k).path("eta").asDouble();
          final double gamma = cases.path(k).path("prob").asDouble();
          final double[] wanted = golden.doubles("objective" + k);
          final int columns = (int) golden.shape(cases.path(k).path("c").asText())[1];
          for (int i = 0; i < wanted.length; i++) {
            final double q = 0.05 * (i % 19 + 1);
            final double got = DarexQ.objective(c, i / 19 * columns, columns, p, eta, gamma, q);
            assertEquals(wanted[i], got, 1e-9 + 1e-9 * Math.abs(wanted[i]), "case " + k);
            checked++;
          }
          checkSolved(c, columns, p, eta, gamma);
        }
      }
    }
    assertTrue(checked > 0, "no objectives");
  }

  private static void checkSolved(float[] c, int columns, double p, double eta, double gamma) {
    final double q = DarexQ.solve(c, columns, p, eta, gamma);
    assertTrue(q >= 1 - p - 1e-12 && q <= 1, "q = " + q);
    final double least = total(c, columns, p, eta, gamma, q);
    for (double other = 1 - p + 1e-4; other < 1; other += 0.0173) {
      // the grid has steps of 0.001
      assertTrue(least <= total(c, columns, p, eta, gamma, other) * 1.01, "q = " + other);
    }
  }

  private static double total(
      float[] c, int columns, double p, double eta, double gamma, double q) {
    double sum = 0;
    for (int from = 0; from < c.length; from += columns) {
      sum += DarexQ.objective(c, from, columns, p, eta, gamma, q);
    }
    return sum;
  }
}
