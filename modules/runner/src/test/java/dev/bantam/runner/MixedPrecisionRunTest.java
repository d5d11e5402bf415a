package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.Step;
import dev.bantam.compression.TensorSelector;
import dev.bantam.export.PackedFile;
import dev.bantam.runner.experiment.Experiment;
import dev.bantam.runner.experiment.ExperimentReader;
import dev.bantam.runner.run.StepCatalogue;
import dev.bantam.tensor.Floats;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Mixed precision in a run: widths, budgets, records, threads, resume, refusals. */
class MixedPrecisionRunTest {
  private static final String HESSIAN = "mp-2-3-hessian";
  private static final List<String> ALLOCATED =
      List.of(
          HESSIAN,
          "mp-2-3-qbert",
          "mp-2-3-fisher",
          "mp-2-3-error",
          "mp-2-3-random-1",
          "mp-2-3-random-2",
          "mp-2-3-reversed",
          "mp-2-3-complement");
  private static final String VARIANTS =
      """
      variants:
        - {name: dense}
        - name: rtn-int{bits}
          grid: {bits: [2, 3]}
          steps: [{quantize: {bits: $bits, group-size: 20}}]
        - name: mp-2-3-hessian
          steps: [{quantize: {allocate: {average: 2.5, probes: 6, batch: 8}, group-size: 20}}]
        - name: mp-2-3-qbert
          steps: [{quantize: {allocate: {average: 2.5, sensitivity: q-bert, slices: 2, products: 3}, group-size: 20}}]
        - name: mp-2-3-fisher
          steps: [{quantize: {allocate: {average: 2.5, sensitivity: fisher-trace, examples: 12}, group-size: 20}}]
        - name: mp-2-3-error
          steps: [{quantize: {allocate: {average: 2.5, sensitivity: error}, group-size: 20}}]
        - name: mp-2-3-random-{draw}
          grid: {draw: [1, 2]}
          steps: [{quantize: {allocate: {average: 2.5, sensitivity: random, draw: $draw}, group-size: 20}}]
        - name: mp-2-3-reversed
          steps: [{quantize: {allocate: {average: 2.5, sensitivity: reversed, probes: 6, batch: 8}, group-size: 20}}]
        - name: mp-2-3-complement
          steps: [{quantize: {allocate: {average: 2.5, sensitivity: complement, probes: 6, batch: 8}, group-size: 20}}]
        - name: mp-2-4-8-hessian
          steps: [{quantize: {allocate: {bits: [2, 4, 8], average: 4.1, probes: 6, batch: 8, unit: qkv}, group-size: 20, scheme: offset}}]
      """;

  @TempDir private static Path temporary;
  private static Path experiment;
  private static Path run;
  private static SortedMap<String, String> files;

  @BeforeAll
  static void runOnce() {
    final Tiny tiny = Tiny.in(temporary).enlarged();
    experiment = tiny.write("mixed.yaml", withVariants(tiny.text()));
    run = temporary.resolve("run");
    Outcome.of("run", experiment, "-o", run, "--threads", 2).code(0);
    files = Folders.stable(run);
  }

  /** The experiment's head with other variants, one seed. */
  private static String withVariants(String text) {
    return text.substring(0, text.indexOf("variants:")).replaceAll("(?m)^seeds:.*$", "seeds: [1]")
        + VARIANTS;
  }

  private static Path cell(String variant) {
    return run.resolve("cells").resolve(Tiny.CELL + variant + ".s1");
  }

  private static JsonNode step(String variant) {
    try {
      return new ObjectMapper()
          .readTree(Files.readAllBytes(cell(variant).resolve("result.json")))
          .path("steps")
          .get(0);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static CompressedModel weights(String variant) {
    return PackedFile.read(cell(variant).resolve("model.safetensors"));
  }

  private static Map<String, Integer> widths(String variant) {
    final Map<String, Integer> widths = new LinkedHashMap<>();
    step(variant)
        .path("tensors")
        .forEach(t -> widths.put(t.path("name").asText(), t.path("bits").intValue()));
    assertEquals(12, widths.size());
    return widths;
  }

  /** The files hold the widths that the records name, and no more bits than asked for. */
  @Test
  void filesKeepTheBudget() {
    for (String variant : ALLOCATED) {
      assertEquals(variant, step(variant).path("method").asText());
      final Map<String, Integer> widths = widths(variant);
      double bits = 0;
      double all = 0;
      for (Map.Entry<String, CompressedTensor> tensor : weights(variant).tensors().entrySet()) {
        if (TensorSelector.isEncoderMatrix(tensor.getKey())) {
          final GroupedTensor grouped = (GroupedTensor) tensor.getValue();
          assertEquals(widths.get(tensor.getKey()), grouped.bits(), tensor.getKey());
          final long n = grouped.shape()[0] * grouped.shape()[1];
          bits += (double) n * grouped.bits();
          all += n;
        }
      }
      final double average = bits / all;
      if (!variant.endsWith("complement")) {
        assertTrue(average > 2.4 && average <= 2.5, variant + ": " + average);
      }
      assertTrue(widths.containsValue(2) && widths.containsValue(3), variant);
    }
  }

  /**
   * The widths from what the records say, by trying all 4,096: sensitivity times the squared errors
   * of the two uniform variants.
   */
  @Test
  void widthsAreThoseOfLeastPredictedLoss() {
    final Map<String, double[]> errors = new LinkedHashMap<>();
    for (int bits = 2; bits <= 3; bits++) {
      for (JsonNode tensor : step("rtn-int" + bits).path("tensors")) {
        final String name = tensor.path("name").asText();
        errors.computeIfAbsent(name, n -> new double[2])[bits - 2] =
            tensor.path("relative_error").doubleValue() * norm(name);
      }
    }
    for (String variant : List.of(HESSIAN, "mp-2-3-fisher", "mp-2-3-error")) {
      final List<String> names = new ArrayList<>(errors.keySet());
      final double[][] omega = new double[12][2];
      final double[] size = new double[12];
      for (JsonNode tensor : step(variant).path("tensors")) {
        final String name = tensor.path("name").asText();
        final int i = names.indexOf(name);
        final double sensitivity =
            variant.endsWith("error") ? 1 : Math.max(0, tensor.path("sensitivity").doubleValue());
        for (int b = 0; b < 2; b++) {
          omega[i][b] = sensitivity * errors.get(name)[b];
        }
        size[i] = elements(name);
        if (!variant.endsWith("error")) {
          assertTrue(tensor.path("sensitivity_error").doubleValue() > 0);
          final double chosen = omega[i][tensor.path("bits").intValue() - 2];
          assertEquals(0.5 * chosen, tensor.path("predicted_loss").doubleValue(), 1e-6 * chosen);
        }
      }
      double least = Double.POSITIVE_INFINITY;
      double found = 0;
      final Map<String, Integer> widths = widths(variant);
      for (int i = 0; i < 12; i++) {
        found += omega[i][widths.get(names.get(i)) - 2];
      }
      for (int code = 0; code < 1 << 12; code++) {
        double bits = 0;
        double all = 0;
        double sum = 0;
        for (int i = 0; i < 12; i++) {
          bits += size[i] * (2 + (code >> i & 1));
          all += size[i];
          sum += omega[i][code >> i & 1];
        }
        least = bits <= 2.5 * all ? Math.min(least, sum) : least;
      }
      assertTrue(least > 0, variant);
      assertEquals(least, found, 1e-6 * least, variant);
    }
  }

  private static float[] dense(String name) {
    return Floats.toArray(weights("dense").tensors().get(name).dense());
  }

  private static double norm(String name) {
    double squares = 0;
    for (float w : dense(name)) {
      squares += (double) w * w;
    }
    return squares;
  }

  private static long elements(String name) {
    return dense(name).length;
  }

  @Test
  void controlsAreWhatTheyAreCalled() {
    final Map<String, Integer> hessian = widths(HESSIAN);
    widths("mp-2-3-complement")
        .forEach((name, bits) -> assertEquals(5, bits + hessian.get(name), name));
    assertNotEquals(hessian, widths("mp-2-3-reversed"));
    assertNotEquals(widths("mp-2-3-random-1"), widths("mp-2-3-random-2"));
    final Map<String, Integer> qbert = widths("mp-2-3-qbert");
    for (int layer = 0; layer < 2; layer++) {
      final String prefix = "encoder.layer." + layer + ".";
      assertEquals(
          1,
          qbert.entrySet().stream()
              .filter(e -> e.getKey().startsWith(prefix))
              .map(Map.Entry::getValue)
              .distinct()
              .count());
    }
    // the layer with the larger measure has the larger width
    double low = 0;
    double high = 0;
    for (JsonNode tensor : step("mp-2-3-qbert").path("tensors")) {
      final double omega = tensor.path("sensitivity").doubleValue();
      assertTrue(omega > 0);
      low = tensor.path("bits").intValue() == 2 ? omega : low;
      high = tensor.path("bits").intValue() == 3 ? omega : high;
    }
    assertTrue(high > low, high + " for 3 bits, " + low + " for 2");
  }

  @Test
  void sharedInputsHaveOneWidthAndOffsetsAreStored() {
    final Map<String, Integer> widths = widths("mp-2-4-8-hessian");
    for (int layer = 0; layer < 2; layer++) {
      final String self = "encoder.layer." + layer + ".attention.self.";
      assertEquals(widths.get(self + "query.weight"), widths.get(self + "key.weight"));
      assertEquals(widths.get(self + "query.weight"), widths.get(self + "value.weight"));
    }
    weights("mp-2-4-8-hessian")
        .tensors()
        .forEach(
            (name, form) -> {
              if (TensorSelector.isEncoderMatrix(name)) {
                assertEquals(GroupedTensor.Zero.OFFSET, ((GroupedTensor) form).zero());
              }
            });
  }

  @Test
  void recordsSayWhatWasPredictedAndMeasured() {
    final JsonNode step = step(HESSIAN);
    final JsonNode event = step.path("events").get(0);
    double sum = 0;
    for (JsonNode tensor : step.path("tensors")) {
      sum += tensor.path("predicted_loss").asDouble(Double.NaN);
    }
    assertTrue(sum > 0);
    assertEquals(sum, event.path("predicted_loss").asDouble(), 1e-9 * sum);
    assertTrue(event.path("loss_before").asDouble() > 0);
    assertTrue(event.path("loss_after").asDouble() > 0);
    assertNotEquals(event.path("loss_before").asDouble(), event.path("loss_after").asDouble());
    assertTrue(
        step("mp-2-3-complement").path("events").get(0).path("predicted_loss").asDouble() > sum);
    assertTrue(step("mp-2-3-error").path("events").isEmpty());
    assertTrue(Tiny.read(run.resolve("report.md")).contains("hessian-trace (6 probes of 8"));
  }

  @Test
  void threadsAndAnInterruptedRunChangeNothing() throws IOException {
    final Path other = temporary.resolve("other");
    Outcome.of("run", experiment, "-o", other, "--threads", 3).code(0);
    assertEquals(List.of(), Folders.differences(files, Folders.stable(other)));
    final Path cell = other.resolve("cells").resolve(Tiny.CELL + "mp-2-3-reversed.s1");
    for (String file : Folders.files(cell)) {
      Files.delete(cell.resolve(file));
    }
    Files.delete(cell);
    Outcome.of("run", experiment, "-o", other).code(0);
    assertEquals(List.of(), Folders.differences(files, Folders.stable(other)));
  }

  @Test
  void whatCannotBeDoneIsRefusedByPlan() {
    final Tiny tiny = Tiny.in(temporary.resolve("refused")).enlarged();
    final String head = tiny.text().substring(0, tiny.text().indexOf("variants:"));
    final Path wrong =
        tiny.write(
            "wrong.yaml",
            head
                + """
                variants:
                  - {name: dense}
                  - name: a
                    steps: [{quantize: {allocate: {bits: [2, 3], average: 3.5}}}]
                  - name: b
                    steps: [{quantize: {bits: 4, allocate: {average: 2.5}}}]
                  - name: c
                    steps: [{quantize: {allocate: {average: 2.5, sensitivity: error, probes: 3}}}]
                  - name: d
                    steps: [{quantize: {allocate: {average: 2.5, sensitivity: trace}}}]
                  - name: e
                    steps: [{quantize: {allocate: {}}}]
                  - name: f
                    steps: [{quantize: {allocate: 2.5}}]
                """);
    Outcome.of("plan", wrong)
        .code(3)
        .says(
            "allocate.average: 3.5 is not between",
            "'allocate' chooses them",
            "probes",
            "allocate.sensitivity is 'trace', which is not known",
            "allocate.average is missing",
            "allocate must be a mapping");
    final Path groups =
        tiny.write(
            "groups.yaml",
            head
                + """
                variants:
                  - {name: dense}
                  - name: a
                    steps: [{quantize: {allocate: {average: 2.5}, group-size: 7}}]
                """);
    Outcome.of("plan", groups).code(3).says("groups of 7 inputs leave");
  }

  /** From fewer and smaller samples; the resolved file and the records say so. */
  @Test
  void aSmokeRunSamplesLess() throws IOException {
    final Tiny tiny = Tiny.in(temporary.resolve("smoke")).enlarged();
    final String head = tiny.text().substring(0, tiny.text().indexOf("variants:"));
    final Path file =
        tiny.write(
            "defaults.yaml",
            head
                + """
                variants:
                  - {name: dense}
                  - name: mp-2-3-hessian
                    steps: [{quantize: {allocate: {average: 2.5}, group-size: 4}}]
                  - name: mp-2-3-qbert
                    steps: [{quantize: {allocate: {average: 2.5, sensitivity: q-bert}, group-size: 4}}]
                  - name: mp-2-3-fisher
                    steps: [{quantize: {allocate: {average: 2.5, sensitivity: fisher-trace}, group-size: 4}}]
                """);
    final Path smoke = temporary.resolve("smoke-run");
    Outcome.of("run", file, "--smoke", "-o", smoke).code(0);
    final Experiment<Step> asked = read(file);
    final Experiment<Step> done = read(smoke.resolve("experiment.resolved.yaml"));
    final List<String> treatments =
        List.of("2 probes of 4 examples", "2 slices of 32 examples, 2 products", "8 examples");
    for (int v = 1; v < asked.variants().size(); v++) {
      final Step written = asked.variants().get(v).steps().get(0).value();
      final Step smoked = done.variants().get(v).steps().get(0).value();
      assertEquals(written.smoke().step(), smoked);
      assertEquals(smoked, smoked.smoke().step(), "as small as it gets");
      final String name = asked.variants().get(v).name();
      final Path cell = smoke.resolve("cells").resolve("tiny-bert-random.signs." + name + ".s1");
      final String record = Tiny.read(cell.resolve("result.json"));
      assertTrue(record.contains(treatments.get(v - 1)), record);
    }
  }

  private static Experiment<Step> read(Path file) {
    return new ExperimentReader<Step>(new StepCatalogue()).read(file).experiment();
  }
}
