package dev.bantam.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Progress;
import dev.bantam.data.Metric;
import dev.bantam.data.TokenizedExample;
import dev.bantam.model.ActivationTransform;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.LossTerm;
import dev.bantam.model.MaskedLinear;
import dev.bantam.model.Site;
import dev.bantam.model.Tile;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import dev.bantam.training.FineTuner.Epoch;
import dev.bantam.training.FineTuner.Resume;
import dev.bantam.training.FineTuner.TrainingState;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The whole loop on a tiny model: it learns what can be learned, and always the same bits. */
class FineTunerTest {
  private static final Workers WORKERS = new Workers(1);

  @AfterAll
  static void stop() {
    WORKERS.close();
  }

  private static FineTuning settings(int epochs, double rate, double dropout) {
    return new FineTuning(epochs, rate, 16, 0.1, 0.01, dropout, 1, List.of());
  }

  private static FineTuner tuner(EncoderModel model, FineTuning settings, Workers workers) {
    return new FineTuner(model, TinyTask.task(), settings, 5, workers, Progress.NONE);
  }

  private static Map<String, float[]> weights(EncoderModel model) {
    final Map<String, float[]> weights = new LinkedHashMap<>();
    model.parameters().forEach((name, tensor) -> weights.put(name, Floats.toArray(tensor)));
    return weights;
  }

  private static void assertSame(Map<String, float[]> expected, Map<String, float[]> got) {
    assertEquals(expected.keySet(), got.keySet());
    expected.forEach((name, values) -> assertArrayEquals(values, got.get(name), name));
  }

  /** 32 examples without dropout are learned by heart in some dozen steps. */
  @Test
  void overfits() {
    final EncoderModel model = TinyTask.model(1, WORKERS);
    final List<TokenizedExample> few = TinyTask.examples(32, 2, true);
    final List<Epoch> epochs =
        tuner(model, settings(50, 5e-3, 0), WORKERS).run(few, few, Optional.empty(), Resume.NONE);
    assertEquals(50, epochs.size());
    assertTrue(epochs.get(49).loss() < 0.01, "training loss " + epochs.get(49).loss());
    assertTrue(epochs.get(0).loss() > 0.3, "from " + epochs.get(0).loss());
  }

  /** True labels carry over to new examples, shuffled ones do not. */
  @Test
  void learnsWhatIsThere() {
    final List<TokenizedExample> fresh = TinyTask.examples(200, 99, false);
    for (boolean shuffled : new boolean[] {false, true}) {
      final EncoderModel model = TinyTask.model(1, WORKERS);
      final List<TokenizedExample> train = TinyTask.examples(320, 3, shuffled);
      tuner(model, settings(4, 3e-3, 0.1), WORKERS)
          .run(train, TinyTask.examples(40, 4, shuffled), Optional.empty(), Resume.NONE);
      final double accuracy =
          Evaluator.evaluate(model, TinyTask.task(), fresh, "", Progress.NONE)
              .value(Metric.ACCURACY);
      // chance is 0.5 with a deviation of 0.035
      assertTrue(
          shuffled ? Math.abs(accuracy - 0.5) < 0.14 : accuracy > 0.9, shuffled + ": " + accuracy);
    }
  }

  @Test
  void sameBitsOnAnyNumberOfThreads() {
    final List<TokenizedExample> train = TinyTask.examples(80, 3, false);
    final List<Map<String, float[]>> found = new ArrayList<>();
    for (int threads : new int[] {1, 2, 3}) {
      try (Workers workers = new Workers(threads)) {
        final EncoderModel model = TinyTask.model(1, workers);
        tuner(model, settings(2, 1e-3, 0.1), workers)
            .run(train, train.subList(0, 20), Optional.empty(), Resume.NONE);
        found.add(weights(model));
      }
    }
    assertSame(found.get(0), found.get(1));
    assertSame(found.get(0), found.get(2));
    assertFalse(
        java.util.Arrays.equals(
            weights(TinyTask.model(1, WORKERS)).get("classifier.weight"),
            found.get(0).get("classifier.weight")),
        "something was trained");
  }

  /** Keeps copies of all states, as a file would, and can hand one out. */
  private static final class Kept implements Resume {
    final List<TrainingState> states = new ArrayList<>();
    Optional<TrainingState> earlier = Optional.empty();

    private static Map<String, INDArray> copy(Map<String, INDArray> tensors) {
      final Map<String, INDArray> copies = new TreeMap<>();
      tensors.forEach((name, t) -> copies.put(name, Floats.tensor(Floats.toArray(t), t.shape())));
      return copies;
    }

    @Override
    public void save(TrainingState state) {
      states.add(copy(state));
    }

    private static TrainingState copy(TrainingState state) {
      return new TrainingState(
          List.copyOf(state.epochs()),
          state.updates(),
          state.lossSum(),
          copy(state.weights()),
          copy(state.best()),
          new AdamW.State(
              new TreeMap<>(copy(state.optimizer().moments())),
              new TreeMap<>(state.optimizer().updates())),
          state.notes());
    }

    @Override
    public Optional<TrainingState> find() {
      return earlier;
    }
  }

  @Test
  void resumedRunsHaveTheBitsOfAnUninterruptedOne() {
    final List<TokenizedExample> train = TinyTask.examples(80, 3, false);
    final List<TokenizedExample> tune = TinyTask.examples(30, 4, false);
    final FineTuning settings = settings(3, 1e-3, 0.1);
    final Kept whole = new Kept();
    final EncoderModel model = TinyTask.model(1, WORKERS);
    final List<Epoch> epochs =
        tuner(model, settings, WORKERS).run(train, tune, Optional.empty(), whole);
    assertEquals(3, whole.states.size());
    for (int done = 1; done <= 3; done++) {
      final Kept rest = new Kept();
      rest.earlier = Optional.of(whole.states.get(done - 1));
      final EncoderModel fresh = TinyTask.model(1, WORKERS);
      assertEquals(
          epochs, tuner(fresh, settings, WORKERS).run(train, tune, Optional.empty(), rest));
      assertEquals(3 - done, rest.states.size());
      assertSame(weights(model), weights(fresh));
    }
  }

  /** Doubles a bias before the third update of every epoch, and is saved there. */
  private static final class Doubling implements Intervention {
    final EncoderModel model;
    int times;

    Doubling(EncoderModel model) {
      this.model = model;
    }

    @Override
    public boolean beforeUpdate(long update, long total) {
      if (update / PER_EPOCH < times || update % PER_EPOCH < 2) {
        return false;
      }
      times++;
      final INDArray bias = model.parameters().get("classifier.bias");
      final float[] values = Floats.toArray(bias);
      for (int i = 0; i < values.length; i++) {
        values[i] *= 2;
      }
      Floats.of(bias).write(0, values, 0, values.length);
      return true;
    }

    @Override
    public boolean mayBeChosen(long updates, long total) {
      return updates > PER_EPOCH;
    }

    @Override
    public String notes() {
      return Integer.toString(times);
    }

    @Override
    public void restore(String notes) {
      times = Integer.parseInt(notes);
    }
  }

  private static final int PER_EPOCH = 5;

  /** States are saved in the middle of an epoch too, and from each of them the same comes out. */
  @Test
  void interventionsAreResumed() {
    final List<TokenizedExample> train = TinyTask.examples(80, 3, false);
    final List<TokenizedExample> tune = TinyTask.examples(30, 4, false);
    final FineTuning settings = settings(3, 1e-3, 0.1);
    final Kept whole = new Kept();
    final EncoderModel model = TinyTask.model(1, WORKERS);
    final List<Epoch> epochs = intervened(model, settings, train, tune, whole);
    assertEquals(
        List.of(2L, 5L, 7L, 10L, 12L, 15L),
        whole.states.stream().map(TrainingState::updates).toList());
    assertTrue(whole.states.get(1).best().isEmpty(), "the first epoch may not be chosen");
    assertFalse(whole.states.get(3).best().isEmpty());
    for (TrainingState state : whole.states) {
      final Kept rest = new Kept();
      rest.earlier = Optional.of(Kept.copy(state));
      final EncoderModel fresh = TinyTask.model(1, WORKERS);
      assertEquals(epochs, intervened(fresh, settings, train, tune, rest));
      assertSame(weights(model), weights(fresh));
    }
    final EncoderModel alone = TinyTask.model(1, WORKERS);
    assertFalse(
        epochs.equals(
            tuner(alone, settings, WORKERS).run(train, tune, Optional.empty(), Resume.NONE)),
        "the intervention does something");
  }

  private static List<Epoch> intervened(
      EncoderModel model,
      FineTuning settings,
      List<TokenizedExample> train,
      List<TokenizedExample> tune,
      Resume resume) {
    return tuner(model, settings, WORKERS)
        .run(train, tune, Optional.empty(), b -> List.of(), new Doubling(model), resume);
  }

  /** Masked weights stay at zero through decay and moments, and the model still learns. */
  @Test
  void masksHold() {
    final EncoderModel model = TinyTask.model(1, WORKERS);
    final List<String> masked =
        model.parameters().keySet().stream()
            .filter(name -> name.startsWith("encoder") && name.endsWith("dense.weight"))
            .toList();
    assertEquals(6, masked.size());
    for (String name : masked) {
      final INDArray weight = model.parameters().get(name);
      final float[] values = Floats.toArray(weight);
      for (int i = 0; i < values.length; i += 2) {
        values[i] = 0f;
      }
      Floats.of(weight).write(0, values, 0, values.length);
      model.setOperator(name, MaskedLinear.ofNonZeros(weight));
    }
    final List<TokenizedExample> train = TinyTask.examples(160, 3, false);
    tuner(model, settings(4, 3e-3, 0), WORKERS)
        .run(train, TinyTask.examples(40, 4, false), Optional.empty(), Resume.NONE);
    for (String name : masked) {
      final float[] values = Floats.toArray(model.parameters().get(name));
      for (int i = 0; i < values.length; i++) {
        assertEquals(i % 2 == 0, values[i] == 0f, name + " element " + i);
      }
    }
    assertTrue(
        Evaluator.evaluate(
                    model, TinyTask.task(), TinyTask.examples(100, 9, false), "", Progress.NONE)
                .value(Metric.ACCURACY)
            > 0.8);
  }

  /** {@code y = s x}; s is trained at a rate of its own. */
  private static final class Scale implements ActivationTransform {
    private final INDArray s = Floats.tensor(new float[] {1}, 1, 1);
    private float now;

    @Override
    public Map<String, INDArray> parameters() {
      return Map.of("scale", s);
    }

    @Override
    public double learningRateFactor(String parameter) {
      return 10;
    }

    @Override
    public void prepare() {
      now = Floats.toArray(s)[0];
    }

    @Override
    public void forward(Tile tile) {
      for (int i = 0; i < tile.length(); i++) {
        tile.values()[i] *= now;
      }
    }

    @Override
    public void backward(Tile input, float[] gradient, double[][] parameterGradients) {
      for (int i = 0; i < input.length(); i++) {
        parameterGradients[0][0] += (double) gradient[i] * input.values()[i];
        gradient[i] *= now;
      }
    }
  }

  /** What is attached trains along, ten times as fast, and does not decay. */
  @Test
  void attachedParametersTrain() {
    final EncoderModel model = TinyTask.model(1, WORKERS);
    final Scale scale = new Scale();
    model.attach("layer.1.ffn.hidden", scale);
    final List<TokenizedExample> one = TinyTask.examples(16, 3, false);
    // one step per epoch; the first has rate 0 with warm-up, so there is none
    final double rate = 1e-3;
    new FineTuner(
            model,
            TinyTask.task(),
            new FineTuning(1, rate, 16, 0, 0.9, 0, 0, List.of()),
            5,
            WORKERS,
            Progress.NONE)
        .run(one, one, Optional.empty(), Resume.NONE);
    // the first step of Adam has the size of the rate, whatever the gradient
    assertEquals(10 * rate, Math.abs(Floats.toArray(scale.s)[0] - 1), 1e-6);
  }

  /** A student drawn to its teacher's hidden states and relations comes closer to both. */
  @Test
  void distillationOfSites() {
    final EncoderModel teacher = TinyTask.model(1, WORKERS);
    final List<TokenizedExample> train = TinyTask.examples(160, 3, false);
    final Site state = Site.hiddenState(2);
    final Site values = teacher.site("layer.1.attention.value");
    final Site scores = teacher.site("layer.1.attention.scores");
    final List<Site> sites = List.of(state, values, scores, values);
    final double[][] loss = new double[2][];
    for (int round = 0; round < 2; round++) {
      final EncoderModel student = TinyTask.model(2, WORKERS);
      final double weight = round;
      final List<double[]> seen = new ArrayList<>();
      final List<Epoch> epochs =
          tuner(student, settings(6, 3e-3, 0), WORKERS)
              .run(
                  train,
                  train.subList(0, 20),
                  Optional.empty(),
                  labelled -> {
                    final List<float[]> wanted = teacher.siteValues(labelled.batch(), sites);
                    final List<LossTerm> terms =
                        List.of(
                            DistillationTerms.rows(
                                state, wanted.get(0), HiddenDistillation::normalisedSquaredError),
                            DistillationTerms.relations(values, wanted.get(1), 3),
                            DistillationTerms.attention(scores, wanted.get(2), 3),
                            DistillationTerms.relationDirection(values, wanted.get(3), 6),
                            DistillationTerms.scores(scores, wanted.get(2)));
                    final double[] now = new double[terms.size()];
                    final List<LossTerm> all = new ArrayList<>();
                    for (int i = 0; i < terms.size(); i++) {
                      all.add(recording(terms.get(i), now, i).weighted(weight));
                    }
                    seen.add(now);
                    return all;
                  },
                  Intervention.NONE,
                  Resume.NONE);
      assertEquals(60, seen.size());
      assertTrue(epochs.get(5).loss() > 0);
      loss[round] = seen.get(59);
      assertEquals(5, loss[round].length);
    }
    for (int i = 0; i < 5; i++) {
      assertTrue(
          loss[1][i] < 0.8 * loss[0][i],
          "term " + i + " with distillation " + loss[1][i] + ", without " + loss[0][i]);
    }
  }

  /** Notes the value of a term. */
  private static LossTerm recording(LossTerm term, double[] values, int index) {
    return new LossTerm() {
      @Override
      public List<Site> sites() {
        return term.sites();
      }

      @Override
      public double apply(
          dev.bantam.model.Batch batch, List<float[]> inputs, List<float[]> gradients) {
        values[index] = term.apply(batch, inputs, gradients);
        return values[index];
      }
    };
  }
}
