package dev.bantam.binarization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.binarization.BiAttention.Threshold;
import dev.bantam.compression.Step;
import dev.bantam.compression.Step.Forecast;
import dev.bantam.compression.Step.StepProblem;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.Workers;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;

/** What the step refuses and what it predicts. */
class BinarizationStepTest {
  private static final String LAYER = "encoder.layer.0";

  private static Step bit(Map<String, Object> train, Object... others) {
    return new BinarizationStep.Bit().parse(settings(train, others));
  }

  private static Step bibert(Map<String, Object> train, Object... others) {
    return new BinarizationStep.Bibert().parse(settings(train, others));
  }

  private static MapSettings settings(Map<String, Object> train, Object... others) {
    final Map<String, Object> all = new LinkedHashMap<>(Map.of("train", train));
    for (int i = 0; i < others.length; i += 2) {
      all.put((String) others[i], others[i + 1]);
    }
    return new MapSettings(all);
  }

  private static void refused(Step step, Map<String, long[]> shapes, String key, String... says) {
    final List<StepProblem> problems = step.check(shapes);
    assertEquals(1, problems.size(), problems.toString());
    assertEquals(key, problems.get(0).key());
    for (String part : says) {
      assertTrue(problems.get(0).message().contains(part), problems.toString());
    }
  }

  private static void accepted(Step step, Map<String, long[]> shapes) {
    assertEquals(List.of(), step.check(shapes));
  }

  /** Half an attention cannot be coded, and would have been left in float without a word. */
  @Test
  void attentionIsBinarizedAsAWhole() {
    final Map<String, long[]> bert = NominalSizeTest.bertBase();
    final String value = LAYER + ".attention.self.value.weight";
    final List<String> skipped = List.of(value);
    refused(bit(Map.of(), "skip", skipped), bert, "targets", LAYER, value, "'skip'");
    refused(bibert(Map.of(), "skip", skipped), bert, "targets", LAYER, value);
    accepted(bit(Map.of(), "skip", skipped, "activations", List.of(32)), bert);
    accepted(bit(Map.of(), "skip", List.of(LAYER + ".attention.self.*")), bert);
    accepted(bit(Map.of()), bert);
    accepted(bibert(Map.of()), bert);
  }

  /** ReLU comes with the matrix behind it. */
  @Test
  void reluNeedsTheSecondMatrix() {
    final Map<String, long[]> bert = NominalSizeTest.bertBase();
    final String down = LAYER + ".output.dense.weight";
    final List<String> skipped = List.of(down);
    refused(bit(Map.of(), "skip", skipped), bert, "relu", down, "relu: false");
    accepted(bit(Map.of(), "skip", skipped, "relu", false), bert);
    accepted(bit(Map.of(), "skip", List.of(down, LAYER + ".intermediate.*")), bert);
    accepted(bibert(Map.of(), "skip", skipped), bert);
  }

  @Test
  void labelsNeedAHeadThatLearnsThem() {
    final Map<String, long[]> number = NominalSizeTest.bertBase();
    number.put("classifier.weight", new long[] {1, 768});
    refused(bit(Map.of("labels", 0.5)), number, "train", "'labels'", "one output");
    refused(bibert(Map.of("labels", 0.0)), number, "train", "'labels'");
    accepted(bit(Map.of()), number);
    accepted(bibert(Map.of()), number);
    final Map<String, long[]> classes = NominalSizeTest.bertBase();
    classes.put("classifier.weight", new long[] {2, 768});
    accepted(bit(Map.of("labels", 0.5)), classes);
  }

  /** Stages have all epochs each. */
  @Test
  void plansSayWhatAStageTakes() {
    final Map<String, long[]> bert = NominalSizeTest.bertBase();
    final Map<String, Object> train = Map.of("epochs", 3);
    for (Forecast f : bit(train, "activations", List.of(2, 1)).forecast(bert, Map.of())) {
      assertTrue(f.treatment().contains("3 epochs a stage towards"), f.treatment());
    }
    for (Forecast f : bit(train).forecast(bert, Map.of())) {
      assertTrue(f.treatment().contains("3 epochs towards"), f.treatment());
    }
  }

  /** Forms and tensors of operations of a model that was made, against the forecast of it. */
  @Test
  void forecastCountsWhatIsStored() {
    for (Method method : Method.values()) {
      for (int activations : new int[] {1, 2, 32}) {
        forecast(method, activations);
      }
    }
  }

  private static void forecast(Method method, int activations) {
    try (Workers workers = new Workers(1);
        EncoderModel model = CodingTest.model(5, workers)) {
      final Map<String, long[]> shapes = new LinkedHashMap<>();
      model.weights().forEach((name, tensor) -> shapes.put(name, tensor.shape()));
      final Map<String, Object> given =
          Map.of("train", Map.of(), "activations", List.of(activations));
      final BinarizationStep.Sign sign = new BinarizationStep.Sign();
      final BinarizationStep.Bibert bibert = new BinarizationStep.Bibert();
      final BinarizationStep.Bit bit = new BinarizationStep.Bit();
      final Step step =
          switch (method) {
            case SIGN -> sign.parse(new MapSettings(given));
            case BIBERT -> bibert.parse(new MapSettings(given));
            case BIT -> bit.parse(new MapSettings(given));
          };
      final List<Forecast> forecasts = step.forecast(shapes, Map.of());
      final Set<String> targets = new LinkedHashSet<>();
      forecasts.forEach(f -> targets.add(f.tensor()));
      targets.remove(Coding.WORDS);
      final Batch batch = CodingTest.batch(5, 9);
      try (Coding coding =
          new Coders(method, 1, 1, activations, Threshold.AT_LEAST_ZERO, true, 1)
              .attach(model, targets, batch, Optional.empty())) {
        long stored = 0;
        for (String name : coding.tensors()) {
          final INDArray weight = model.weights().get(name);
          stored += CodedWeight.of(coding.weightCoder(name), weight).form().storedBytes();
        }
        stored +=
            coding.operations().values().stream()
                .flatMap(operation -> operation.tensors().values().stream())
                .mapToLong(tensor -> 4 * tensor.length())
                .sum();
        assertEquals(
            stored,
            forecasts.stream().mapToLong(Forecast::storedBytes).sum(),
            method + " " + activations);
        model.detachAll();
      }
    }
  }

  /** A stage learns from the one before as it was, whatever becomes of the model meanwhile. */
  @Test
  void theStageBeforeIsKept() {
    try (Workers workers = new Workers(1);
        EncoderModel model = CodingTest.model(5, workers)) {
      final Batch batch = CodingTest.batch(5, 9);
      final Coding coding =
          new Coders(Method.BIT, 1, 1, 2, Threshold.AT_LEAST_ZERO, true, 1)
              .attach(
                  model,
                  Set.of(LAYER + ".intermediate.dense.weight", LAYER + ".output.dense.weight"),
                  batch,
                  Optional.empty());
      final float[] before = model.outputs(batch).values().clone();
      try (Instructor instructor = Instructor.copy(model, coding, workers)) {
        model.detachAll();
        coding.close();
        model.weights().values().forEach(weight -> weight.muli(0));
        assertArrayEquals(before, instructor.model().outputs(batch).values());
      }
    }
  }
}
