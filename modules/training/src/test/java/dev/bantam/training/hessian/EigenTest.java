package dev.bantam.training.hessian;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.Workers;
import dev.bantam.training.GoldenCase;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Eigenvalues and spectra: on the cases' dense matrices against PyHessian's runs and dense solvers,
 * with differences of gradients against the same, and on matrices solved by hand.
 */
class EigenTest {
  private static final PowerIteration.Stop STOP = new PowerIteration.Stop(1e-9, 2000);

  static Stream<GoldenCase> cases() {
    return Stream.concat(encoders(), GoldenCase.named("hessian", "mlp"));
  }

  /** What a case calls its matrix and its runs. */
  private record Names(String matrix, String run) {
    static Names of(GoldenCase golden) {
      return golden.name.startsWith("bert")
          ? new Names("layer0", "py_layer0")
          : new Names("full", "py");
    }
  }

  private static SymmetricOperator dense(GoldenCase golden) {
    return FixtureModels.dense(golden.numbers("out." + Names.of(golden).matrix() + "_H"));
  }

  /** PyHessian's sequence of quotients from its start vector, until its own stop. */
  @ParameterizedTest
  @MethodSource("cases")
  void powerIterationGoesThroughTheSameQuotients(GoldenCase golden) {
    final String run = Names.of(golden).run();
    final JsonNode expected =
        golden.description.path("expected").path(run + "_power_tol0.001").path("rayleigh");
    assertTrue(expected.size() > 5, "quotients " + expected.size());
    final List<Double> quotients = new ArrayList<>();
    PowerIteration.next(
        dense(golden),
        golden.numbers("in." + run + "_v0_trace"),
        List.of(),
        new PowerIteration.Stop(1e-30, expected.size()),
        quotients::add);
    for (int k = 0; k < expected.size(); k++) {
      final double value = expected.get(k).doubleValue();
      assertEquals(value, quotients.get(k), 1e-6 + 1e-5 * Math.abs(value), "quotient " + k);
    }
  }

  /** Two pairs by power iteration and by Lanczos, against the dense solver and PyHessian. */
  @ParameterizedTest
  @MethodSource("cases")
  void largestPairs(GoldenCase golden) {
    final SymmetricOperator h = dense(golden);
    final Names names = Names.of(golden);
    final double[] top = golden.numbers("out." + names.run() + "_top2");
    final List<Eigenpair> power = PowerIteration.largest(h, 2, STOP, 1);
    final List<Eigenpair> lanczos = Lanczos.run(h, h.dimension(), 2).largest(2, 1e-6);
    check(golden, "out." + names.run() + "_top2", values(power));
    check(golden, "out." + names.run() + "_top2", values(lanczos));
    for (int k = 0; k < 2; k++) {
      assertEquals(lanczos.get(k).value(), power.get(k).value(), 1e-9 * Math.abs(top[0]));
      assertTrue(power.get(k).converged() && lanczos.get(k).converged());
    }
    final double[] vector = golden.numbers("out." + names.run() + "_vec1");
    assertEquals(1, Math.abs(Vectors.dot(vector, power.get(0).vector())), 1e-5);
    assertEquals(1, Math.abs(Vectors.dot(vector, lanczos.get(0).vector())), 1e-5);
    assertEquals(0, Vectors.dot(power.get(0).vector(), power.get(1).vector()), 1e-9);
  }

  /** PyHessian's stochastic Lanczos quadrature from its start vectors, and the density it draws. */
  @ParameterizedTest
  @MethodSource("cases")
  void spectrum(GoldenCase golden) {
    final String run = "out." + Names.of(golden).run();
    final SymmetricOperator h = dense(golden);
    final int[] shape = golden.shape(run + "_slq_nodes");
    final double[] starts = golden.numbers(run.replace("out.", "in.") + "_slq_v");
    final List<Spectrum.Quadrature> probes = new ArrayList<>();
    final double[] nodes = new double[shape[0] * shape[1]];
    final double[] weights = new double[nodes.length];
    for (int k = 0; k < shape[0]; k++) {
      final double[] start = FixtureModels.row(starts, k, h.dimension());
      final Spectrum.Quadrature probe = Spectrum.of(Lanczos.run(h, start, shape[1]));
      System.arraycopy(probe.nodes(), 0, nodes, k * shape[1], shape[1]);
      System.arraycopy(probe.weights(), 0, weights, k * shape[1], shape[1]);
      double sum = 0;
      for (double w : probe.weights()) {
        sum += w;
      }
      assertEquals(1, sum, 1e-12);
      probes.add(probe);
    }
    check(golden, run + "_slq_nodes", nodes);
    check(golden, run + "_slq_weights", weights);
    final double[] grid = golden.numbers(run + "_density_grid");
    double least = 0;
    double most = 0;
    for (Spectrum.Quadrature probe : probes) {
      least += probe.nodes()[0] / shape[0];
      most += probe.nodes()[shape[1] - 1] / shape[0];
    }
    final double variance = 1e-3 * Math.max(1, most - least + 0.02); // of its grid with margins
    final double[] density = new Spectrum(h.dimension(), probes).density(grid, variance);
    double sum = 0;
    for (double d : density) {
      sum += d * (grid[1] - grid[0]);
    }
    assertEquals(1, sum, 0.5, "most of it lies on the grid");
    for (int i = 0; i < density.length; i++) {
      density[i] /= sum; // PyHessian makes it sum to 1 on its grid
    }
    check(golden, run + "_density", density);
  }

  private static double[] values(List<Eigenpair> pairs) {
    return pairs.stream().mapToDouble(Eigenpair::value).toArray();
  }

  private static void check(GoldenCase golden, String tensor, double[] got) {
    golden.check(tensor.substring("out.".length()), golden.numbers(tensor), got);
  }

  /** With differences of float32 gradients in place of the matrix. */
  @ParameterizedTest
  @MethodSource("encoders")
  void ofAModelWithoutItsMatrix(GoldenCase golden) {
    try (Workers workers = new Workers(2)) {
      final LossHessian<Batch> h =
          new LossHessian<>(
              FixtureModels.encoder(golden, workers),
              FixtureModels.names(golden, "layout", "encoder.layer.0."),
              FixtureModels.sentences(golden, FixtureModels.rows(golden)));
      final double[] top = golden.numbers("out.py_layer0_top2");
      final double scale = Math.abs(top[0]);
      final Eigenpair power =
          PowerIteration.largest(h, 1, new PowerIteration.Stop(1e-3, 200), 5).get(0);
      assertTrue(power.converged(), power.toString());
      assertEquals(top[0], power.value(), 1e-4 * scale);
      final List<Eigenpair> lanczos = Lanczos.run(h, 40, 6).largest(2, 1e-3);
      for (int k = 0; k < 2; k++) {
        assertTrue(lanczos.get(k).converged(), lanczos.toString());
        assertEquals(top[k], lanczos.get(k).value(), 1e-4 * scale, "lanczos " + k);
      }
      final double exact = golden.description.path("expected").path("layer0_trace").doubleValue();
      final Estimate trace = Spectrum.estimate(h, 30, 3, 8).trace();
      assertEquals(exact, trace.mean(), 4 * trace.standardError());
      assertTrue(trace.standardError() < 3, trace.toString());
    }
  }

  static Stream<GoldenCase> layers() {
    return GoldenCase.named("hessian", "qbert-power-iteration");
  }

  /**
   * Each layer of an encoder of twelve, all its parameters, over the batches that Q-BERT's code
   * used.
   */
  @ParameterizedTest
  @MethodSource("layers")
  void topEigenvaluesOfEveryLayer(GoldenCase golden) {
    final double[] exact = golden.numbers("out.lambda_exact");
    final int batch = golden.parameter("batch").intValue();
    try (Workers workers = new Workers(2)) {
      final EncoderModel model = FixtureModels.encoder(golden, workers);
      final List<LossSample<Batch>> samples = new ArrayList<>();
      for (int b = 0; b < golden.parameter("batches_used").intValue(); b++) {
        samples.addAll(
            FixtureModels.sentences(golden, IntStream.range(b * batch, (b + 1) * batch).toArray()));
      }
      for (int layer = 0; layer < exact.length; layer++) {
        final String prefix = "encoder.layer." + layer + ".";
        final LossHessian<Batch> h =
            new LossHessian<>(
                model,
                model.parameters().keySet().stream().filter(n -> n.startsWith(prefix)).toList(),
                samples);
        final Eigenpair top = Lanczos.run(h, 25, layer).largest(1, 0.01).get(0);
        assertEquals(exact[layer], top.value(), 2e-3 * Math.abs(exact[layer]), "layer " + layer);
      }
      assertEquals(12, exact.length);
    }
  }

  static Stream<GoldenCase> encoders() {
    return GoldenCase.named("hessian", "bert");
  }

  /** n steps on an n x n matrix give all eigenvalues, and v^T H v as the weighted sum. */
  @ParameterizedTest
  @MethodSource("cases")
  void asManyStepsAsRows(GoldenCase golden) {
    final SymmetricOperator h = dense(golden);
    final double[] exact = golden.numbers("out." + Names.of(golden).matrix() + "_eigenvalues");
    final double[] v = Vectors.normal(h.dimension(), 3);
    final Lanczos process = Lanczos.run(h, v, h.dimension());
    final double largest = Math.max(Math.abs(exact[0]), Math.abs(exact[exact.length - 1]));
    // an eigenvalue of multiplicity k appears once before the process ends
    int found = 0;
    for (double value : exact) {
      for (double ritz : process.ritzValues()) {
        if (Math.abs(value - ritz) < 2e-6 * largest) {
          found++;
          break;
        }
      }
    }
    assertEquals(exact.length, found);
    final double[] hv = new double[v.length];
    h.multiply(v, hv);
    double sum = 0;
    for (int j = 0; j < process.steps(); j++) {
      sum += process.weights()[j] * process.ritzValues()[j];
    }
    assertEquals(Vectors.dot(v, hv) / Vectors.dot(v, v), sum, 1e-9 * largest);
  }

  /** {2, -2}: power iteration never settles, Lanczos finds both at once. */
  @Test
  void oppositeEigenvalues() {
    final SymmetricOperator h = FixtureModels.dense(new double[] {2, 0, 0, -2});
    final Eigenpair pair =
        PowerIteration.largest(h, 1, new PowerIteration.Stop(0.01, 100), 1).get(0);
    assertFalse(pair.converged(), pair.toString());
    assertEquals(100, pair.products());
    final double[] ritz = Lanczos.run(h, 2, 1).ritzValues();
    assertEquals(-2, ritz[0], 1e-12);
    assertEquals(2, ritz[1], 1e-12);
  }

  /** w_1^2 - 3 w_2^2, and a matrix of zeros. */
  @Test
  void signsAndZeros() {
    final SymmetricOperator saddle = FixtureModels.dense(new double[] {2, 0, 0, -6});
    final List<Eigenpair> pairs = PowerIteration.largest(saddle, 2, STOP, 1);
    assertEquals(-6, pairs.get(0).value(), 1e-9);
    assertEquals(2, pairs.get(1).value(), 1e-9);
    // the diagonal is found by every Rademacher vector
    final Estimate trace = Spectrum.estimate(saddle, 3, 2, 1).trace();
    assertEquals(-4, trace.mean(), 1e-9);
    assertEquals(0, trace.standardError(), 1e-9);
    final SymmetricOperator zero = FixtureModels.dense(new double[4]);
    final Eigenpair nothing = PowerIteration.largest(zero, 1, STOP, 1).get(0);
    assertEquals(0, nothing.value());
    assertEquals(1, nothing.products());
    assertEquals(1, Lanczos.run(zero, 2, 1).steps());
  }

  @Test
  void whatMakesNoSenseIsRefused() {
    final SymmetricOperator h = FixtureModels.dense(new double[] {2, 0, 0, -6});
    assertThrows(IllegalArgumentException.class, () -> PowerIteration.largest(h, 3, STOP, 1));
    assertThrows(IllegalArgumentException.class, () -> Lanczos.run(h, 3, 1));
    assertThrows(IllegalArgumentException.class, () -> Lanczos.run(h, new double[2], 1));
    assertThrows(IllegalArgumentException.class, () -> new PowerIteration.Stop(0, 1));
    assertThrows(IllegalArgumentException.class, () -> Spectrum.estimate(h, 0, 1, 1));
  }
}
