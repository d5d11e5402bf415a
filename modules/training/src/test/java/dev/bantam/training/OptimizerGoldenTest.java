package dev.bantam.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** AdamW, clipping and schedules against PyTorch and transformers (golden cases). */
class OptimizerGoldenTest {
  private static final Workers WORKERS = new Workers(2);

  @AfterAll
  static void stop() {
    WORKERS.close();
  }

  private static AdamW.Settings settings(GoldenCase golden, boolean corrected) {
    return new AdamW.Settings(
        golden.parameter("betas").get(0).doubleValue(),
        golden.parameter("betas").get(1).doubleValue(),
        golden.parameter("eps").doubleValue(),
        golden.parameter("weight_decay").doubleValue(),
        corrected);
  }

  private static Schedule schedule(String kind, long warmUp, long total) {
    return switch (kind) {
      case "linear" -> new Schedule.Linear(warmUp, total);
      case "cosine" -> new Schedule.Cosine(warmUp, total);
      case "constant", "constant_warmup" -> new Schedule.Constant(warmUp);
      case "none" -> new Schedule.Constant(0);
      case "polynomial" -> new Schedule.Polynomial(warmUp, total, 1e-7, 2);
      case "cosine_restarts" -> new Schedule.CosineRestarts(warmUp, total, 2);
      default -> throw new AssertionError("schedule " + kind);
    };
  }

  static Stream<GoldenCase> trajectories() {
    return GoldenCase.named("adamw-").filter(c -> c.parameter("decayed").isArray());
  }

  @ParameterizedTest
  @MethodSource
  void trajectories(GoldenCase golden) {
    final Map<String, INDArray> parameters = new TreeMap<>();
    for (String tensor : golden.tensors()) {
      if (tensor.startsWith("start/")) {
        parameters.put(tensor.substring("start/".length()), tensor(golden, tensor));
      }
    }
    final List<String> decayed = new ArrayList<>();
    golden.parameter("decayed").forEach(name -> decayed.add(name.textValue()));
    final List<String> frozen = new ArrayList<>();
    golden.parameter("never_has_a_gradient").forEach(name -> frozen.add(name.textValue()));
    parameters.forEach(
        (name, tensor) ->
            assertTrue(
                frozen.contains(name)
                    || decayed.contains(name) == AdamW.decaysByDefault(name, tensor),
                name));
    final Schedule schedule =
        schedule(
            golden.parameter("schedule").textValue(),
            golden.parameter("warmup").longValue(),
            golden.parameter("total").longValue());
    final JsonNode clip = golden.parameter("clip");
    final List<Double> rates = new ArrayList<>();
    final List<Double> norms = new ArrayList<>();
    int compared = 0;
    try (AdamW optimizer = new AdamW(parameters, settings(golden, true), WORKERS)) {
      for (int t = 0; golden.tensors().contains("step" + (t + 1) + "/layer.weight"); t++) {
        final Map<String, INDArray> gradients = new LinkedHashMap<>();
        for (String name : parameters.keySet()) {
          if (golden.has("gradient" + t + "/" + name)) {
            gradients.put(name, tensor(golden, "gradient" + t + "/" + name));
          }
        }
        final double rate = golden.parameter("lr").doubleValue() * schedule.factor(t);
        rates.add(rate);
        norms.add(optimizer.step(gradients, rate, clip.isNull() ? 0 : clip.doubleValue()));
        final String step = "step" + (t + 1);
        final AdamW.State state = optimizer.state();
        for (Map.Entry<String, INDArray> entry : parameters.entrySet()) {
          golden.check(step + "/" + entry.getKey(), Floats.toArray(entry.getValue()));
          compared++;
          for (String moment : new String[] {"m", "v"}) {
            final String expected = step + "." + moment + "/" + entry.getKey();
            if (golden.has(expected)) {
              golden.check(
                  expected, Floats.toArray(state.moments().get(moment + "/" + entry.getKey())));
              compared++;
            }
          }
        }
      }
    }
    assertTrue(compared >= 20, "compared " + compared);
    golden.check("learning_rate", rates.stream().mapToDouble(r -> r).toArray());
    if (golden.has("norm_before_clipping")) {
      golden.check("norm_before_clipping", norms.stream().mapToDouble(n -> n).toArray());
    }
  }

  private static INDArray tensor(GoldenCase golden, String name) {
    final int[] shape = golden.shape(name);
    final long[] dimensions = new long[shape.length];
    for (int i = 0; i < shape.length; i++) {
      dimensions[i] = shape[i];
    }
    return Floats.tensor(golden.floats(name), dimensions);
  }

  static Stream<GoldenCase> quadratic() {
    return GoldenCase.named("adamw-").filter(c -> c.has("W.trajectory"));
  }

  /** Least squares, gradients computed here from the weights as they are. */
  @ParameterizedTest
  @MethodSource
  void quadratic(GoldenCase golden) {
    final int n = golden.shape("X")[0];
    final int in = golden.shape("X")[1];
    final int out = golden.shape("Y")[1];
    final double[] x = golden.numbers("X");
    final double[] y = golden.numbers("Y");
    final INDArray w = tensor(golden, "W");
    final INDArray b = tensor(golden, "b");
    final Map<String, INDArray> parameters = new TreeMap<>(Map.of("W", w, "b", b));
    final int steps = golden.shape("loss")[0];
    final Schedule schedule =
        new Schedule.Linear(
            golden.parameter("warmup").longValue(), golden.parameter("total").longValue());
    final double[] losses = new double[steps];
    final double[] trajectory = new double[steps * out * in];
    final double[] biases = new double[steps * out];
    try (AdamW optimizer = new AdamW(parameters, settings(golden, true), WORKERS)) {
      for (int t = 0; t < steps; t++) {
        final float[] weight = Floats.toArray(w);
        final float[] bias = Floats.toArray(b);
        final float[] dw = new float[weight.length];
        final float[] db = new float[bias.length];
        for (int r = 0; r < n; r++) {
          for (int o = 0; o < out; o++) {
            double difference = bias[o] - y[r * out + o];
            for (int i = 0; i < in; i++) {
              difference += weight[o * in + i] * x[r * in + i];
            }
            losses[t] += difference * difference / (n * out);
            for (int i = 0; i < in; i++) {
              dw[o * in + i] += (float) (2 * difference * x[r * in + i] / (n * out));
            }
            db[o] += (float) (2 * difference / (n * out));
          }
        }
        optimizer.step(
            Map.of("W", Floats.tensor(dw, out, in), "b", Floats.tensor(db, out)),
            golden.parameter("lr").doubleValue() * schedule.factor(t),
            golden.parameter("clip").doubleValue());
        System.arraycopy(
            GoldenCase.widen(Floats.toArray(w)), 0, trajectory, t * out * in, out * in);
        System.arraycopy(GoldenCase.widen(Floats.toArray(b)), 0, biases, t * out, out);
      }
    }
    golden.check("loss", losses);
    golden.check("W.trajectory", trajectory);
    golden.check("b.trajectory", biases);
  }

  static Stream<GoldenCase> bertAdam() {
    return GoldenCase.named("bert-adam");
  }

  @ParameterizedTest
  @MethodSource
  void bertAdam(GoldenCase golden) {
    final int steps = golden.shape("gradients")[0];
    final int n = golden.shape("gradients")[1];
    final INDArray w = tensor(golden, "start");
    final double[] trajectory = new double[steps * n];
    try (AdamW optimizer =
        new AdamW(Map.of("w", w), settings(golden, false), (name, t) -> true, name -> 1, WORKERS)) {
      for (int t = 0; t < steps; t++) {
        final float[] g =
            java.util.Arrays.copyOfRange(golden.floats("gradients"), t * n, (t + 1) * n);
        optimizer.step(Map.of("w", Floats.tensor(g, n)), golden.parameter("lr").doubleValue(), 0);
        System.arraycopy(GoldenCase.widen(Floats.toArray(w)), 0, trajectory, t * n, n);
      }
    }
    golden.check("trajectory", trajectory);
  }

  static Stream<GoldenCase> clipping() {
    return GoldenCase.named("clipping");
  }

  @ParameterizedTest
  @MethodSource
  void clipping(GoldenCase golden) {
    int compared = 0;
    for (String tensor : golden.tensors()) {
      if (!tensor.endsWith(".gradient")) {
        continue;
      }
      final String tag = tensor.replace(".gradient", "");
      final double limit = golden.parameter("limits").path(tag).doubleValue();
      assertTrue(limit > 0, tag);
      final double norm = norm(golden.floats(tensor));
      golden.check(tag + ".norm", norm);
      golden.check(tag + ".clipped", scaled(golden.floats(tensor), norm, limit));
      compared++;
    }
    assertTrue(compared >= 4, "compared " + compared);
  }

  /** An infinite norm zeroes what is finite; NaN spreads. Both as PyTorch has it. */
  @Test
  void notFinite() {
    final float inf = Float.POSITIVE_INFINITY;
    final float[] infinite = {inf, 1, 2, 3};
    assertEquals(Double.POSITIVE_INFINITY, norm(infinite));
    assertArrayEquals(new float[] {Float.NaN, 0, 0, 0}, scaled(infinite, norm(infinite), 1));
    final float[] nan = {Float.NaN, 1, 2, 3};
    assertTrue(Double.isNaN(norm(nan)));
    for (float value : scaled(nan, norm(nan), 1)) {
      assertTrue(Float.isNaN(value));
    }
    // squares beyond float: the norm is taken in double and stays finite
    final float[] huge = {3e19f, 1, 0, 4e19f};
    assertEquals(5e19, norm(huge), 1e13);
    assertArrayEquals(new float[] {0.6f, 2e-20f, 0, 0.8f}, scaled(huge, norm(huge), 1), 1e-6f);
  }

  private static double norm(float[] gradient) {
    final INDArray tensor = Floats.tensor(gradient, gradient.length);
    try (AdamW optimizer = new AdamW(Map.of("w", tensor), AdamW.Settings.withDecay(0), WORKERS)) {
      return optimizer.norm(Map.of("w", tensor));
    }
  }

  private static float[] scaled(float[] gradient, double norm, double limit) {
    final float factor = (float) AdamW.clipFactor(norm, limit);
    for (int i = 0; i < gradient.length; i++) {
      gradient[i] *= factor;
    }
    return gradient;
  }

  static Stream<GoldenCase> schedules() {
    return GoldenCase.named("schedules");
  }

  @ParameterizedTest
  @MethodSource
  void schedules(GoldenCase golden) {
    assertTrue(golden.tensors().size() > 10);
    for (String tensor : golden.tensors()) {
      final String[] parts = tensor.split("\\.");
      final long total = Long.parseLong(parts[0].substring(1));
      final long warmUp = parts[2].equals("constant") ? 0 : Long.parseLong(parts[1].substring(1));
      final Schedule schedule = schedule(parts[2], warmUp, total);
      final double[] factors = new double[golden.shape(tensor)[0]];
      for (int t = 0; t < factors.length; t++) {
        factors[t] = schedule.factor(t);
      }
      golden.check(tensor, factors);
    }
  }

  /** BERT's own schedule, card A2. */
  @Test
  void bertSchedule() {
    final Schedule schedule = new Schedule.BertLinear(10, 100);
    final double[] at = {0, 0.5, 0.9, 0.45, 0};
    final int[] t = {0, 5, 10, 55, 100};
    for (int i = 0; i < t.length; i++) {
      assertEquals(at[i], schedule.factor(t[i]), 1e-12);
    }
  }
}
