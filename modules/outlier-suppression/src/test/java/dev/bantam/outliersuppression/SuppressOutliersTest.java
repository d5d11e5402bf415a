package dev.bantam.outliersuppression;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.DenseTensor;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepFactory;
import dev.bantam.compression.StepLog;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Floats;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SuppressOutliersTest {
  private static final String LAST = "encoder.layer.1.output.LayerNorm.weight";

  /** A step as a file would give it, through the registered factory. */
  static Step step(String step, String method, Object... settings) {
    final Map<String, Object> values = new LinkedHashMap<>();
    values.put("rows", 40);
    values.put("batch", 20);
    if (method.equals("dynamic")) {
      values.clear();
    }
    for (int i = 0; i < settings.length; i += 2) {
      values.put((String) settings[i], settings[i + 1]);
    }
    for (StepFactory factory : ServiceLoader.load(StepFactory.class)) {
      if (factory.step().equals(step) && factory.method().equals(method)) {
        return factory.parse(new MapSettings(values));
      }
    }
    throw new IllegalStateException("no factory of " + step + " " + method);
  }

  private static Step suppress(String method, Object... settings) {
    return step("suppress-outliers", method, settings);
  }

  private static double relative(float[] expected, float[] actual) {
    double most = 0;
    double peak = 0;
    for (int i = 0; i < expected.length; i++) {
      most = Math.max(most, Math.abs((double) expected[i] - actual[i]));
      peak = Math.max(peak, Math.abs((double) expected[i]));
    }
    return most / peak;
  }

  @ParameterizedTest
  @CsvSource({
    "os-plus,bits,8",
    "os-plus,bits,4",
    "os-plus-vo,bits,6",
    "smoothquant,rows,40",
  })
  void theModelComputesTheSame(String method, String key, int value) {
    try (TinyBench bench = new TinyBench(2)) {
      final float[] before = bench.model().outputs(bench.all()).values();
      final CompressionState state = bench.state(1);
      final float[] last = state.weight(LAST);
      final float[] first = state.weight("encoder.layer.0.attention.output.LayerNorm.weight");
      final StepLog log = suppress(method, key, value).apply(state);
      assertTrue(relative(before, bench.model().outputs(bench.all()).values()) < 1e-4);
      assertArrayEquals(last, state.weight(LAST), "the last LayerNorm has other readers");
      assertTrue(
          relative(first, state.weight("encoder.layer.0.attention.output.LayerNorm.weight")) > 0.1,
          "nothing was moved");
      final int perLayer = method.endsWith("-vo") ? 3 : 2;
      assertEquals(perLayer * TinyBench.LAYERS, log.tensors().size());
      assertEquals(2 * TinyBench.LAYERS, state.operations().size());
      assertTrue(log.tensors().get(0).treatment().contains("outputs differ by"), log.toString());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"os-plus", "smoothquant"})
  void scoresBeyondFloat32AreRefused(String method) {
    try (TinyBench bench = new TinyBench(1)) {
      final CompressionState state = bench.state(1);
      for (String part : List.of("query", "key")) {
        final String name = "encoder.layer.0.attention.self." + part + ".weight";
        final float[] weight = state.weight(name);
        for (int i = 0; i < weight.length; i++) {
          weight[i] *= 1e25f;
        }
        Floats.of(state.weights().get(name)).write(0, weight, 0, weight.length);
      }
      final Step step = suppress(method);
      final var problem = assertThrows(BantamException.class, () -> step.apply(state));
      assertEquals(ExitCode.BAD_INPUT, problem.exitCode());
      assertTrue(problem.getMessage().contains("'layer.0.attention.input'"), problem.getMessage());
      assertTrue(problem.getMessage().contains("leave the step"), problem.getMessage());
    }
  }

  @Test
  void withoutTheResidualMapTheModelIsAnother() {
    try (TinyBench bench = new TinyBench(1)) {
      final float[] before = bench.model().outputs(bench.all()).values();
      final CompressionState state = bench.state(1);
      suppress("os-plus").apply(state);
      state.detach("layer.1.ffn.residual");
      assertTrue(relative(before, bench.model().outputs(bench.all()).values()) > 1e-2);
    }
  }

  /** On the calibration rows themselves: max = -min in every channel, and the largest stays. */
  @Test
  void shiftsCentreEveryChannel() {
    try (TinyBench bench = new TinyBench(1)) {
      final var site = bench.model().site("layer.0.ffn.input");
      final ChannelRanges before = new ChannelRanges(TinyBench.HIDDEN);
      final float[] x = bench.model().siteValues(bench.all(), List.of(site)).get(0);
      before.add(x, x.length / TinyBench.HIDDEN);
      suppress("os-plus", "scale", "none").apply(bench.state(1));
      final ChannelRanges after = new ChannelRanges(TinyBench.HIDDEN);
      final float[] y = bench.model().siteValues(bench.all(), List.of(site)).get(0);
      after.add(y, y.length / TinyBench.HIDDEN);
      float widest = 0;
      for (int j = 0; j < TinyBench.HIDDEN; j++) {
        widest = Math.max(widest, before.max()[j] - before.min()[j]);
        assertEquals(0, after.max()[j] + after.min()[j], 1e-4, "channel " + j);
      }
      assertEquals(widest, after.tensor().max() - after.tensor().min(), 1e-3);
      assertTrue(widest < 0.7 * (before.tensor().max() - before.tensor().min()));
    }
  }

  /** Activations and weights at 4 bit: the transformed model stays closer to the exact outputs. */
  @ParameterizedTest
  @ValueSource(strings = {"os-plus", "os-plus-vo", "smoothquant"})
  void roundingDoesLessHarmAfterwards(String method) {
    final double none = harm(state -> {});
    final double suppressed =
        harm(
            state ->
                (method.equals("smoothquant")
                        ? suppress(method)
                        : suppress(method, "bits", 4, "lowest-threshold", 0.1))
                    .apply(state));
    assertTrue(suppressed < 0.7 * none, suppressed + " and without " + none);
  }

  private static double harm(java.util.function.Consumer<CompressionState> first) {
    try (TinyBench bench = new TinyBench(2)) {
      final float[] exact = bench.model().outputs(bench.all()).values();
      final CompressionState state = bench.state(3);
      first.accept(state);
      step("quantize-activations", "static", "bits", 4).apply(state);
      final float[] rounded = bench.model().outputs(bench.all()).values();
      double sum = 0;
      for (int i = 0; i < exact.length; i++) {
        sum += Math.pow((double) exact[i] - rounded[i], 2);
      }
      return sum;
    }
  }

  @Test
  void threadsDoNotMatterAndSeedsDo() {
    final Map<String, String> hashes = new TreeMap<>();
    for (int threads = 1; threads <= 2; threads++) {
      for (int seed = 1; seed <= 2; seed++) {
        try (TinyBench bench = new TinyBench(threads)) {
          final CompressionState state = bench.state(seed);
          suppress("os-plus-vo", "bits", 6, "rows", 16, "batch", 8).apply(state);
          hashes.put(threads + " " + seed, state.weightsHash());
        }
      }
    }
    assertEquals(hashes.get("1 1"), hashes.get("2 1"));
    assertEquals(hashes.get("1 2"), hashes.get("2 2"));
    assertNotEquals(hashes.get("1 1"), hashes.get("1 2"));
  }

  @Test
  void whatAnEarlierStepDecidedIsNotChanged() {
    try (TinyBench bench = new TinyBench(1)) {
      final CompressionState state = bench.state(1);
      final String weight = "encoder.layer.0.intermediate.dense.weight";
      state.put(weight, DenseTensor.float32(state.weights().get(weight)));
      final BantamException stored =
          assertThrows(BantamException.class, () -> suppress("os-plus").apply(state));
      assertEquals(ExitCode.BAD_FILE, stored.exitCode());
      assertTrue(stored.getMessage().contains(weight), stored.getMessage());
    }
    try (TinyBench bench = new TinyBench(1)) {
      final CompressionState state = bench.state(1);
      suppress("smoothquant").apply(state);
      final BantamException twice =
          assertThrows(BantamException.class, () -> suppress("os-plus").apply(state));
      assertTrue(twice.getMessage().contains("affine"), twice.getMessage());
    }
  }

  @Test
  void aStepThatWouldDoNothingIsAProblem() {
    final MapSettings settings = new MapSettings(Map.of("shift", false, "scale", "none"));
    new SuppressOutliers.OsPlusFactory().parse(settings);
    assertTrue(settings.problems.get(0).contains("does nothing"), settings.problems.toString());
    assertEquals(1, suppress("os-plus").check(Map.of("embeddings.x", new long[] {1})).size());
  }

  /** The GELU is not homogeneous: a scale before it cannot be taken back behind it. */
  @Test
  void scalesDoNotPassThroughGelu() {
    try (TinyBench bench = new TinyBench(1)) {
      final EncoderModel model = bench.model();
      final float[] before = model.outputs(bench.all()).values();
      final CompressionState state = bench.state(1);
      final float[] scale = ChannelScales.ones(TinyBench.FFN);
      for (int j = 0; j < scale.length; j += 2) {
        scale[j] = 4;
      }
      final EquivalentTransform transform =
          new EquivalentTransform(new float[TinyBench.FFN], scale);
      final String up = "encoder.layer.0.intermediate.dense.";
      final String down = "encoder.layer.0.output.dense.";
      final float[] upWeight = state.weight(up + "weight");
      final float[] upBias = state.weight(up + "bias");
      transform.intoProducer(upWeight, TinyBench.HIDDEN, upBias);
      final float[] downWeight = state.weight(down + "weight");
      final float[] downBias = state.weight(down + "bias");
      transform.intoConsumer(downWeight, downBias);
      write(state, up + "weight", upWeight);
      write(state, up + "bias", upBias);
      write(state, down + "weight", downWeight);
      write(state, down + "bias", downBias);
      assertTrue(relative(before, model.outputs(bench.all()).values()) > 1e-3);
    }
  }

  private static void write(CompressionState state, String name, float[] values) {
    dev.bantam.tensor.Floats.of(state.weights().get(name)).write(0, values, 0, values.length);
  }
}
