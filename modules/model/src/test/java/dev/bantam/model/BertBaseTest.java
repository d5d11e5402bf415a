package dev.bantam.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Models;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.tensor.Workers;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * BERT-base from its TensorFlow checkpoint, which is 408 MB to download and 440 MB unpacked: only
 * with {@code BANTAM_TEST_BERT_BASE=1}.
 */
class BertBaseTest {
  private static final String NAME = "bert-base-uncased";
  private static final int MASK = 103;

  /** Words that the packaged graph itself gives, by its publisher's code. */
  @Test
  void itPredictsTheWordsBehindMaskedTokens() throws IOException {
    assumeTrue(
        "1".equals(System.getenv("BANTAM_TEST_BERT_BASE")),
        "Set BANTAM_TEST_BERT_BASE=1 to download 408 MB and test " + NAME);
    final Checkpoint model = Models.open(NAME, Models.Options.DEFAULT);
    assertEquals(
        109_482_240, model.parameters().values().stream().mapToLong(INDArray::length).sum());
    final JsonNode vocabulary =
        new ObjectMapper().readTree(model.tokenizer().orElseThrow().file()).at("/model/vocab");
    final List<String> words = new ArrayList<>();
    vocabulary.fieldNames().forEachRemaining(words::add);
    try (Workers workers = new Workers(2);
        EncoderModel encoder = GoldenCase.model(model, Optional.empty(), Pooling.MEAN, workers)) {
      final MaskedLanguageModel masked =
          new MaskedLanguageModel(
              encoder,
              Models.maskedLanguageHead(NAME, model, Models.Options.DEFAULT).orElseThrow(),
              workers);
      assertEquals(
          List.of("paris", "lille", "lyon"),
          best(masked, model, words, "the capital of france is [MASK] ."));
      assertEquals(
          List.of("horrible", "bad", "terrible"),
          best(masked, model, words, "this movie was [MASK] , i hated every minute of it ."));
    }
  }

  private static List<String> best(
      MaskedLanguageModel masked, Checkpoint model, List<String> words, String text) {
    final Encoding encoding = model.tokenizer().orElseThrow().encode(text, 64);
    final int at =
        IntStream.range(0, encoding.length())
            .filter(i -> encoding.ids()[i] == MASK)
            .findFirst()
            .orElseThrow();
    final float[] logits = masked.logits(Batch.of(List.of(encoding)), at);
    assertTrue(logits.length == words.size(), logits.length + " logits");
    return IntStream.range(0, logits.length)
        .boxed()
        .sorted(Comparator.comparing(i -> -logits[i]))
        .limit(3)
        .map(words::get)
        .toList();
  }
}
