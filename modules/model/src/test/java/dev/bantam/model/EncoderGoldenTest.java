package dev.bantam.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Hidden states, pooling and heads against transformers (golden cases). */
class EncoderGoldenTest {
  private static final Workers WORKERS = new Workers(2);

  @AfterAll
  static void stop() {
    WORKERS.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "bert-with-pooler",
        "bert-awkward-masks",
        "bert-gelu-new",
        "bert-no-pooler",
        "bert-relu"
      })
  void hiddenStatesAndPooling(String name) {
    final GoldenCase golden = new GoldenCase("encoders/" + name);
    final Checkpoint checkpoint = golden.checkpoint("model");
    final Batch batch = golden.batch();
    final EncoderModel model =
        GoldenCase.model(checkpoint, Optional.empty(), Pooling.MEAN, WORKERS);
    final List<INDArray> states = model.hiddenStates(batch);
    final int size = batch.tokens() * checkpoint.architecture().hiddenSize();
    final double[] expected = golden.numbers("hidden_states");
    assertEquals(states.size() * size, expected.length);
    for (int i = 0; i < states.size(); i++) {
      golden.check(
          "hidden_states",
          Arrays.copyOfRange(expected, i * size, (i + 1) * size),
          Floats.toArray(states.get(i)),
          name + " state " + i);
    }
    golden.check(
        "sentence_embedding.mean",
        golden.numbers("sentence_embedding.mean"),
        model.embed(batch, true),
        name + " mean");
    pooled(golden, checkpoint, Pooling.CLS, "sentence_embedding.cls", batch);
    if (golden.has("pooler_output")) {
      pooled(golden, checkpoint, Pooling.POOLER, "pooler_output", batch);
    }
  }

  /** Rows whose first column is masked cannot be given by an engine that drops masked tokens. */
  private static void pooled(
      GoldenCase golden, Checkpoint checkpoint, Pooling pooling, String what, Batch batch) {
    final float[] got =
        GoldenCase.model(checkpoint, Optional.empty(), pooling, WORKERS)
            .embed(batch, pooling == Pooling.CLS);
    final double[] expected = golden.numbers(what);
    final int d = checkpoint.architecture().hiddenSize();
    int compared = 0;
    for (int row = 0; row < batch.sequences(); row++) {
      if (golden.firstVisible(row)) {
        golden.check(
            what,
            Arrays.copyOfRange(expected, row * d, (row + 1) * d),
            Arrays.copyOfRange(got, row * d, (row + 1) * d),
            what + " row " + row);
        compared++;
      }
    }
    assertTrue(compared > 0, "no row compared");
  }

  /** A row without a visible token cannot be in a packed batch; the other rows are unaffected. */
  @Test
  void rowsBesideAFullyMaskedOne() {
    final GoldenCase golden = new GoldenCase("encoders/bert-fully-masked-row");
    final Checkpoint checkpoint = golden.checkpoint("model");
    final List<Integer> rows = golden.visibleRows();
    assertEquals(1, rows.size());
    final Batch batch = golden.batch();
    final float[] got =
        GoldenCase.model(checkpoint, Optional.empty(), Pooling.MEAN, WORKERS).encode(batch);
    final double[] all = golden.numbers("eager.last_hidden_state");
    final int d = checkpoint.architecture().hiddenSize();
    final int n = golden.shape("attention_mask")[1];
    for (int t = 0; t < batch.tokens(); t++) {
      final int from = (rows.get(0) * n + batch.positions()[t]) * d;
      golden.check(
          "eager.last_hidden_state",
          Arrays.copyOfRange(all, from, from + d),
          Arrays.copyOfRange(got, t * d, (t + 1) * d),
          "token " + t);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"seqcls", "regression", "multilabel"})
  void headLogits(String head) {
    final GoldenCase golden = new GoldenCase("encoders/bert-heads");
    final Checkpoint checkpoint = golden.checkpoint(head);
    final Head.Kind kind =
        switch (head) {
          case "regression" -> Head.Kind.REGRESSION;
          case "multilabel" -> Head.Kind.MULTI_LABEL;
          default -> Head.Kind.SINGLE_LABEL;
        };
    assertEquals(kind, checkpoint.head().orElseThrow().kind());
    final EncoderModel model =
        GoldenCase.model(checkpoint, checkpoint.head(), checkpoint.pooling(), WORKERS);
    golden.check(
        head + ".logits",
        golden.numbers(head + ".logits"),
        model.outputs(golden.batch()).values(),
        head);
  }

  @ParameterizedTest
  @ValueSource(strings = {"sentence-encoder-mean", "sentence-encoder-cls"})
  void textsToVectors(String name) {
    final GoldenCase golden = new GoldenCase("encoders/" + name);
    final Checkpoint checkpoint = golden.checkpoint("model");
    final List<Encoding> encodings = new ArrayList<>();
    golden
        .description
        .path("inputs")
        .path("texts")
        .forEach(
            text ->
                encodings.add(
                    checkpoint
                        .tokenizer()
                        .orElseThrow()
                        .encode(text.textValue(), checkpoint.maxLength())));
    final float[] got =
        GoldenCase.model(checkpoint, Optional.empty(), checkpoint.pooling(), WORKERS)
            .embed(Batch.of(encodings), checkpoint.normalize());
    golden.check("embeddings", golden.numbers("embeddings"), got, name);
  }
}
