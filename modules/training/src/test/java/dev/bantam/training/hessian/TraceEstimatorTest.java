package dev.bantam.training.hessian;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Progress;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.Workers;
import dev.bantam.training.GoldenCase;
import dev.bantam.training.hessian.TraceEstimator.Stop;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Traces against exact ones and against single probes of PyTorch (golden cases). */
class TraceEstimatorTest {
  private static final Workers WORKERS = new Workers(2);

  @AfterAll
  static void stop() {
    WORKERS.close();
  }

  static Stream<GoldenCase> encoders() {
    return GoldenCase.named("hessian", "bert");
  }

  static Stream<GoldenCase> perceptrons() {
    return GoldenCase.named("hessian", "mlp");
  }

  private static boolean isMatrix(String name) {
    return name.endsWith(".weight") && !name.contains("LayerNorm");
  }

  /** v_i^T (H v)_i of the case's own signs, layer by layer. */
  @ParameterizedTest
  @MethodSource("encoders")
  void singleProbes(GoldenCase golden) {
    final EncoderModel model = FixtureModels.encoder(golden, WORKERS);
    final List<String> names = FixtureModels.names(golden, "layout", "encoder.layer.");
    final LossHessian<Batch> h =
        new LossHessian<>(
            model, names, FixtureModels.sentences(golden, FixtureModels.rows(golden)));
    final double[] probes = golden.numbers("in.probes");
    for (int k = 0; k < golden.shape("in.probes")[0]; k++) {
      final double[] v = FixtureModels.row(probes, k, h.dimension());
      final double[] quadratic =
          new TraceEstimator.Probe<>(
                  model,
                  names,
                  FixtureModels.sentences(golden, FixtureModels.rows(golden)),
                  (t, i) -> v[h.offset(names.get(t)) + i])
              .run();
      for (int layer = 0; layer < 2; layer++) {
        double sum = 0;
        for (int t = 0; t < names.size(); t++) {
          sum += names.get(t).startsWith("encoder.layer." + layer + ".") ? quadratic[t] : 0;
        }
        // of terms of this size: found 1.4e-4 of the scale and less
        final double scale = Vectors.norm(v) * 1.5;
        assertEquals(
            golden.numbers("out.probe_joint_layer" + layer)[k],
            sum,
            1e-4 * scale,
            "probe " + k + " layer " + layer);
      }
    }
  }

  /** Every tensor's trace within four of its own standard errors of the exact one. */
  @ParameterizedTest
  @MethodSource("encoders")
  void exactTracesOfEveryMatrix(GoldenCase golden) {
    final EncoderModel model = FixtureModels.encoder(golden, WORKERS);
    final List<String> names =
        FixtureModels.names(golden, "layout", "encoder.layer.").stream()
            .filter(TraceEstimatorTest::isMatrix)
            .toList();
    final Map<String, Estimate> traces =
        TraceEstimator.estimate(
            model,
            names,
            probe -> FixtureModels.sentences(golden, FixtureModels.rows(golden)),
            Stop.after(400),
            7,
            Progress.NONE);
    assertEquals(names, new ArrayList<>(traces.keySet()));
    assertEquals(12, names.size());
    double squares = 0;
    for (String name : names) {
      final double exact =
          golden
              .description
              .path("expected")
              .path("matrix_bert." + name)
              .path("trace")
              .doubleValue();
      final Estimate trace = traces.get(name);
      assertEquals(400, trace.samples());
      final double z = (trace.mean() - exact) / trace.standardError();
      assertTrue(Math.abs(z) < 4, name + ": " + trace + " for " + exact);
      squares += z * z;
    }
    // the errors are neither too large nor too small: chi-squared of 12 between 1e-4 quantiles
    assertTrue(squares > 1.6 && squares < 39, "sum of squares " + squares);
  }

  /** The signs of a tensor depend on its name and not on its neighbours; seeds differ. */
  @ParameterizedTest
  @MethodSource("perceptrons")
  void exactTracesOfAPerceptron(GoldenCase golden) {
    final List<String> names = FixtureModels.names(golden, "layout", "");
    final Map<String, Estimate> traces = perceptron(golden, Stop.after(600), 3);
    for (String name : names) {
      final double exact =
          golden.description.path("expected").path("block_" + name).path("trace").doubleValue();
      final Estimate trace = traces.get(name);
      assertEquals(exact, trace.mean(), 4 * trace.standardError() + 1e-3 * Math.abs(exact), name);
    }
    assertEquals(traces, perceptron(golden, Stop.after(600), 3));
    assertTrue(!traces.equals(perceptron(golden, Stop.after(600), 4)));
  }

  private static Map<String, Estimate> perceptron(GoldenCase golden, Stop stop, long seed) {
    return TraceEstimator.estimate(
        FixtureModels.perceptron(golden),
        FixtureModels.names(golden, "layout", ""),
        probe -> FixtureModels.rowsOf(golden),
        stop,
        seed,
        Progress.NONE);
  }

  @ParameterizedTest
  @MethodSource("perceptrons")
  void stopsWhenTheErrorIsSmallEnough(GoldenCase golden) {
    final Map<String, Estimate> traces = perceptron(golden, new Stop(5000, 20, 0.5), 5);
    final int probes = traces.values().iterator().next().samples();
    assertTrue(probes >= 20 && probes < 5000, "probes " + probes);
    for (Estimate trace : traces.values()) {
      assertTrue(trace.standardError() <= 0.5 * Math.abs(trace.mean()), trace.toString());
    }
    final Map<String, Estimate> fewer = perceptron(golden, Stop.after(probes - 1), 5);
    assertTrue(
        probes == 20
            || fewer.values().stream().anyMatch(t -> t.standardError() > 0.5 * Math.abs(t.mean())));
  }

  /** The mean squared norm, by hand from the gradients of single examples. */
  @ParameterizedTest
  @MethodSource("encoders")
  void fisherTraces(GoldenCase golden) {
    final EncoderModel model = FixtureModels.encoder(golden, WORKERS);
    final List<String> names = FixtureModels.names(golden, "layout", "encoder.layer.0.");
    final List<LossSample<Batch>> single = new ArrayList<>();
    for (int row : FixtureModels.rows(golden)) {
      single.addAll(FixtureModels.sentences(golden, row));
    }
    final Map<String, Estimate> traces = FisherTrace.estimate(model, names, single, Progress.NONE);
    for (String name : names) {
      double sum = 0;
      for (LossSample<Batch> sample : single) {
        final double[] g = new LossHessian<>(model, List.of(name), List.of(sample)).gradient();
        sum += Vectors.dot(g, g);
      }
      assertEquals(sum / single.size(), traces.get(name).mean(), 1e-9 * (1 + sum), name);
    }
    assertThrows(
        IllegalArgumentException.class,
        () ->
            FisherTrace.estimate(
                model, names, FixtureModels.sentences(golden, 0, 1), Progress.NONE));
  }

  @Test
  void signsAreFair() {
    long sum = 0;
    long neighbours = 0;
    for (int i = 0; i < 100_000; i++) {
      sum += Vectors.sign(9, i);
      neighbours += Vectors.sign(9, i) == Vectors.sign(9, i + 1) ? 1 : -1;
    }
    assertTrue(Math.abs(sum) < 4 * Math.sqrt(100_000), "sum " + sum);
    assertTrue(Math.abs(neighbours) < 4 * Math.sqrt(100_000), "neighbours " + neighbours);
    assertThrows(IllegalArgumentException.class, () -> new Stop(1, 2, 0));
  }
}
