package dev.bantam.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Architecture.Activation;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.model.Model.Regularization;
import dev.bantam.tensor.Workers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The same bits on 1, 2 and 3 threads: outputs, gradients, own parameters, observed values. */
class ThreadsTest {
  /** One short text, a few, and enough tokens for shards of their own (four and more). */
  private static int[] lengths(String which) {
    return switch (which) {
      case "one" -> new int[] {11};
      case "few" -> new int[] {3, 1, 17, 8, 40};
      case "two shards" -> new Random(1).ints(40, 1, 60).toArray();
      default -> new Random(2).ints(75, 1, 64).toArray();
    };
  }

  @ParameterizedTest
  @CsvSource({
    "one,false",
    "few,false",
    "two shards,false",
    "four shards,false",
    "one,true",
    "few,true",
    "two shards,true",
    "four shards,true"
  })
  void sameBits(String which, boolean everything) {
    final Batch batch = TinyEncoder.batch(6, lengths(which));
    assertTrue(batch.tokens() >= (which.startsWith("four") ? 2048 : 1), batch.tokens() + " tokens");
    final Map<String, float[]> one = run(1, batch, everything);
    assertTrue(one.size() > (everything ? 120 : 38), one.size() + " arrays");
    for (int threads : new int[] {2, 3}) {
      final Map<String, float[]> more = run(threads, batch, everything);
      assertEquals(one.keySet(), more.keySet());
      one.forEach(
          (name, values) ->
              assertArrayEquals(values, more.get(name), name + " on " + threads + " threads"));
    }
  }

  private static Map<String, float[]> run(int threads, Batch batch, boolean everything) {
    try (Workers workers = new Workers(threads)) {
      final EncoderModel model = TinyEncoder.model(Activation.GELU_ERF, Pooling.MEAN, 8, workers);
      final Map<String, float[]> all = new LinkedHashMap<>();
      final List<LossTerm> terms = new ArrayList<>();
      if (everything) {
        SampleAttachments.everywhere(model);
        model.sites().forEach(site -> terms.add(TinyEncoder.term(site).weighted(0.1)));
        model.attach(
            "layer.1.attention.probabilities",
            value -> all.put("observed", Arrays.copyOf(value.toArray(), 50)));
      }
      all.put("outputs", model.outputs(batch).values());
      all.putAll(TinyEncoder.gradients(model, batch, terms, new Regularization(0.1f, 5)));
      return all;
    }
  }
}
