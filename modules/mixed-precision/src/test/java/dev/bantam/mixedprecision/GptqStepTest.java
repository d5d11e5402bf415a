package dev.bantam.mixedprecision;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.LayerHessian;
import dev.bantam.compression.SecondMoments;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepLog;
import dev.bantam.compression.StepResources;
import dev.bantam.data.Task;
import dev.bantam.data.TokenizedExample;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.GradientSink;
import dev.bantam.model.Loss;
import dev.bantam.model.Model;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import dev.bantam.training.FineTuner;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The step on a model of two layers whose inputs can be computed by hand. */
class GptqStepTest {
  private static final int WIDTH = 12;
  private static final List<String> NAMES =
      List.of(
          "encoder.layer.0.attention.self.query.weight",
          "encoder.layer.0.attention.self.key.weight",
          "encoder.layer.1.output.dense.weight");

  /** A query and a key that read x, then a matrix that reads the sum of theirs. */
  private static final class Chain implements Model<Batch> {
    final Map<String, INDArray> weights = new LinkedHashMap<>();
    final List<String> asked = new ArrayList<>();

    Chain() {
      final Random random = new Random(1);
      for (String name : NAMES) {
        final float[] w = new float[WIDTH * WIDTH];
        for (int i = 0; i < w.length; i++) {
          w[i] = (float) random.nextGaussian();
        }
        weights.put(name, Floats.tensor(w, WIDTH, WIDTH));
      }
    }

    @Override
    public Map<String, INDArray> parameters() {
      return weights;
    }

    @Override
    public void linearInputs(Batch batch, Collection<String> wanted, InputSink sink) {
      final float[] x = tokens(batch);
      for (String name : wanted) {
        asked.add(name);
        final float[] input = name.equals(NAMES.get(2)) ? hidden(x, weights) : x;
        sink.accept(
            name, Floats.of(Floats.tensor(input, batch.tokens(), WIDTH)), batch.tokens(), WIDTH);
      }
    }

    /** Correlated values that depend on the token ids alone. */
    static float[] tokens(Batch batch) {
      final float[] x = new float[batch.tokens() * WIDTH];
      for (int t = 0; t < batch.tokens(); t++) {
        final Random random = new Random(batch.ids()[t]);
        final double common = random.nextGaussian();
        for (int c = 0; c < WIDTH; c++) {
          x[t * WIDTH + c] = (float) (common + 0.7 * random.nextGaussian());
        }
      }
      return x;
    }

    static float[] hidden(float[] x, Map<String, INDArray> weights) {
      final float[] q = Floats.toArray(weights.get(NAMES.get(0)));
      final float[] k = Floats.toArray(weights.get(NAMES.get(1)));
      final float[] h = new float[x.length];
      for (int t = 0; t < x.length / WIDTH; t++) {
        for (int r = 0; r < WIDTH; r++) {
          double sum = 0;
          for (int c = 0; c < WIDTH; c++) {
            sum += (q[r * WIDTH + c] + k[r * WIDTH + c]) * (double) x[t * WIDTH + c];
          }
          h[t * WIDTH + r] = (float) sum;
        }
      }
      return h;
    }

    @Override
    public Outputs outputs(Batch batch) {
      throw new UnsupportedOperationException();
    }

    @Override
    public double gradients(
        Batch batch, Loss loss, Regularization regularization, GradientSink sink) {
      throw new UnsupportedOperationException();
    }
  }

  private record Resources(Model<Batch> model, Workers workers) implements StepResources {
    @Override
    public List<TokenizedExample> train() {
      final List<TokenizedExample> examples = new ArrayList<>();
      for (int i = 0; i < 60; i++) {
        examples.add(
            new TokenizedExample(
                new Encoding(new int[] {2 * i, 2 * i + 1}, new int[2]), 0, 0, "h" + i));
      }
      return examples;
    }

    @Override
    public Progress progress() {
      return Progress.NONE;
    }

    @Override
    public Task task() {
      throw new UnsupportedOperationException();
    }

    @Override
    public List<TokenizedExample> tune() {
      throw new UnsupportedOperationException();
    }

    @Override
    public Map<String, INDArray> dense() {
      throw new UnsupportedOperationException();
    }

    @Override
    public EncoderModel teacher() {
      throw new UnsupportedOperationException();
    }

    @Override
    public FineTuner.Resume resume() {
      throw new UnsupportedOperationException();
    }

    @Override
    public Path workFolder() {
      throw new UnsupportedOperationException();
    }

    @Override
    public <T extends AutoCloseable> T shared(Class<T> type, String key, Supplier<T> make) {
      throw new UnsupportedOperationException();
    }
  }

  private static Step step(Map<String, Object> more) {
    final Map<String, Object> all = new LinkedHashMap<>(more);
    all.putIfAbsent("bits", 3);
    all.putIfAbsent("targets", List.of("encoder.*"));
    all.putIfAbsent("batches", 6);
    all.putIfAbsent("batch", 10);
    final MapSettings settings = new MapSettings(all);
    final Step step = new Gptq.Factory().parse(settings);
    assertEquals(List.of(), settings.problems);
    return step;
  }

  private static CompressionState apply(Chain chain, Step step, long seed, int threads) {
    try (Workers workers = new Workers(threads)) {
      final CompressionState state =
          new CompressionState(chain.weights, seed, new Resources(chain, workers));
      assertEquals(List.of(), step.check(state.shapes()));
      final StepLog log = step.apply(state);
      assertEquals("gptq", log.method());
      assertEquals(NAMES, log.tensors().stream().map(StepLog.Entry::name).toList());
      return state;
    }
  }

  /** All 120 tokens, which every sample of 60 examples holds. */
  private static float[] allTokens() {
    final int[] ids = new int[120];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = i;
    }
    return Chain.tokens(Batch.of(List.of(new Encoding(ids, new int[120]))));
  }

  /** The second layer is rounded for what the rounded first one gives it. */
  @Test
  void layersSeeWhatTheRoundedLayersBeforeThemGive() {
    final Chain chain = new Chain();
    final Chain before = new Chain();
    final CompressionState state = apply(chain, step(Map.of()), 1, 2);
    assertEquals(2 * 6, chain.asked.size(), "inputs are asked for once, not for query and key");
    assertNotEquals(
        Chain.hidden(allTokens(), before.weights)[0], Chain.hidden(allTokens(), chain.weights)[0]);
    check(before, state, NAMES.get(0), allTokens());
    check(before, state, NAMES.get(1), allTokens());
    check(before, state, NAMES.get(2), Chain.hidden(allTokens(), chain.weights));
  }

  private static void check(Chain before, CompressionState state, String name, float[] x) {
    final float[] w = Floats.toArray(before.weights.get(name));
    try (Workers workers = new Workers(1);
        SecondMoments moments = new SecondMoments(WIDTH, workers)) {
      moments.add(Floats.of(Floats.tensor(x, x.length / WIDTH, WIDTH)), x.length / WIDTH, 1);
      final WeightFormat format = WeightFormat.of(3, java.util.OptionalInt.empty());
      final byte[] codes = new byte[w.length];
      final GroupGrid[] grids = new GroupGrid[WIDTH];
      new GptqRows(
              LayerHessian.of(moments, 0.01, false),
              128,
              WIDTH,
              1,
              GptqRows.Groups.DYNAMIC,
              () -> GroupFit.of(format))
          .quantize(w, new boolean[0], 0, WIDTH, codes, grids);
      final GroupedTensor form = (GroupedTensor) state.form(name).orElseThrow();
      assertArrayEquals(codes, form.codes(), name);
      final float[] nearest =
          Floats.toArray(MatrixQuantizer.quantize(name, w, WIDTH, WIDTH, format, workers).dense());
      final double gptq = error(x, w, state.weight(name));
      final double rtn = error(x, w, nearest);
      assertTrue(gptq < 0.9 * rtn, name + ": " + gptq + " against " + rtn);
    }
  }

  private static double error(float[] x, float[] w, float[] restored) {
    double error = 0;
    for (int t = 0; t < x.length / WIDTH; t++) {
      for (int r = 0; r < WIDTH; r++) {
        double y = 0;
        for (int c = 0; c < WIDTH; c++) {
          y += ((double) restored[r * WIDTH + c] - w[r * WIDTH + c]) * x[t * WIDTH + c];
        }
        error += y * y;
      }
    }
    return error;
  }

  @Test
  void threadsChangeNothingAndSamplesDo() {
    final float[] one = weights(apply(new Chain(), step(Map.of("batches", 2)), 1, 1));
    assertArrayEquals(one, weights(apply(new Chain(), step(Map.of("batches", 2)), 1, 3)));
    int different = 0;
    final float[] other = weights(apply(new Chain(), step(Map.of("batches", 2)), 2, 1));
    for (int i = 0; i < one.length; i++) {
      different += one[i] == other[i] ? 0 : 1;
    }
    assertTrue(different > 0, "another seed draws other examples");
  }

  private static float[] weights(CompressionState state) {
    return state.weight(NAMES.get(2));
  }

  /** Every form of groups is stored as asked for, and none costs more than rounding to nearest. */
  @Test
  void allGroupsAndSchemes() {
    final List<Map<String, Object>> forms =
        List.of(
            Map.of("group-size", 4),
            Map.of("group-size", 4, "static-groups", true),
            Map.of("group-size", 4, "act-order", true),
            Map.of("groups", 3, "act-order", true),
            Map.of("groups", 1, "scheme", "affine"),
            Map.of("scheme", "offset", "group-size", 6),
            Map.of("scheme", "affine", "range", "min-max", "block", 5, "group-size", 3));
    for (Map<String, Object> form : forms) {
      final Chain chain = new Chain();
      final CompressionState state = apply(chain, step(form), 1, 2);
      final GroupedTensor tensor = (GroupedTensor) state.form(NAMES.get(0)).orElseThrow();
      final int expected =
          form.containsKey("groups")
              ? (int) form.get("groups")
              : WIDTH * WIDTH / (int) form.get("group-size");
      assertEquals(expected, tensor.groups().count(), form.toString());
      final float[] x = allTokens();
      final float[] w = Floats.toArray(new Chain().weights.get(NAMES.get(0)));
      final Map<String, Object> plain = new LinkedHashMap<>(form);
      List.of("static-groups", "act-order", "block").forEach(plain::remove);
      plain.put("bits", 3);
      try (Workers workers = new Workers(1)) {
        final float[] nearest =
            Floats.toArray(
                MatrixQuantizer.quantize(
                        "w", w, WIDTH, WIDTH, WeightFormat.read(new MapSettings(plain)), workers)
                    .dense());
        final double gptq = error(x, w, state.weight(NAMES.get(0)));
        assertTrue(gptq < error(x, w, nearest), form + ": " + gptq);
      }
    }
  }

  @Test
  void costsAndSmoke() {
    final Map<String, long[]> shapes = new LinkedHashMap<>();
    NAMES.forEach(name -> shapes.put(name, new long[] {WIDTH, WIDTH}));
    final Step step = step(Map.of());
    // moments of one input a layer and two matrices of its size; 60 examples a layer
    assertEquals(new Step.Cost(0, 3L * WIDTH * WIDTH * 8, 0, 120, 0), step.cost(shapes));
    assertEquals(Map.of("batches", 1, "batch", 10), step.smoke().settings());
    assertEquals(step.smoke().step(), step.smoke().step().smoke().step());
    shapes.put("pooler.dense.weight", new long[] {WIDTH, WIDTH});
    final Step wide = step(Map.of("targets", List.of("*.weight")));
    assertTrue(
        wide.check(shapes).get(0).message().contains("'method: rtn'"), wide.check(shapes) + "");
  }

  /** Widths by the error of the nearest codes, codes by GPTQ. */
  @Test
  void withWidthsOfTheirOwn() {
    final MapSettings settings =
        new MapSettings(
            Map.of("allocate", Map.of("average", 2.5, "sensitivity", "error"), "batches", 2));
    final Step step = new Gptq.Factory().parse(settings);
    final Chain chain = new Chain();
    try (Workers workers = new Workers(2)) {
      final CompressionState state =
          new CompressionState(chain.weights, 1, new Resources(chain, workers));
      final StepLog log = step.apply(state);
      assertEquals("mp-2-3-error-gptq", log.method());
      for (StepLog.Entry entry : log.tensors()) {
        assertEquals(
            entry.bits().orElseThrow(),
            ((GroupedTensor) state.form(entry.name()).orElseThrow()).bits());
        assertTrue(entry.treatment().contains("gptq from 2 batches of 32"), entry.treatment());
      }
      assertEquals(7, log.tensors().stream().mapToInt(e -> e.bits().orElseThrow()).sum());
    }
  }
}
