package dev.bantam.model;

import dev.bantam.checkpoint.MaskedLanguageHead;
import dev.bantam.model.LayerForward.EncoderShape;
import dev.bantam.tensor.Blas;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Kernels;
import dev.bantam.tensor.Workers;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * An encoder with the head that it was pre-trained with: a logit of each word of the vocabulary for
 * chosen tokens, {@code LN(f(W h + b)) E^T + c}. E are the encoder's live word embeddings, so
 * whatever compresses them shows. Forward only.
 */
public final class MaskedLanguageModel {
  /** Words computed by one piece of work. */
  private static final int PANEL = 2048;

  private final EncoderModel encoder;
  private final MaskedLanguageHead head;
  private final Workers workers;
  private final Kernels kernels;

  /**
   * @param encoder used, not copied
   * @throws IllegalArgumentException if the head does not fit the encoder
   */
  public MaskedLanguageModel(EncoderModel encoder, MaskedLanguageHead head, Workers workers) {
    MaskedLanguageHead.shapes(encoder.architecture())
        .forEach(
            (name, shape) -> {
              final INDArray tensor = head.weights().get(name);
              if (tensor == null || !java.util.Arrays.equals(tensor.shape(), shape)) {
                throw new IllegalArgumentException(
                    "'" + name + "' must be " + java.util.Arrays.toString(shape));
              }
            });
    this.encoder = encoder;
    this.head = head;
    this.workers = workers;
    this.kernels = Kernels.best();
  }

  /**
   * Logits of some tokens.
   *
   * @param tokens numbers of tokens of the batch
   * @return [tokens, vocabulary] row-major
   */
  public float[] logits(Batch batch, int... tokens) {
    final int d = encoder.architecture().hiddenSize();
    final int e = encoder.architecture().embeddings().width();
    final int words = encoder.architecture().vocabularySize();
    final float[] hidden = encoder.encode(batch);
    final float[] rows = new float[tokens.length * d];
    for (int r = 0; r < tokens.length; r++) {
      System.arraycopy(hidden, tokens[r] * d, rows, r * d, d);
    }
    final Floats x =
        Floats.of(Floats.tensor(transformed(rows, tokens.length, d, e), tokens.length, e));
    final Floats y = Floats.zeros(tokens.length, words);
    final Floats table = encoder.view(EmbeddingLayer.WORD);
    workers.run(
        (words + PANEL - 1) / PANEL,
        (panel, worker) -> {
          final int from = panel * PANEL;
          Blas.gemm(
              false,
              true,
              tokens.length,
              Math.min(PANEL, words - from),
              e,
              1f,
              new Matrix(x, 0, e),
              new Matrix(table, from * e, e),
              0f,
              new Matrix(y, from, words));
        });
    final float[] logits = Floats.toArray(y.array());
    kernels.addBias(logits, tokens.length, words, weight(MaskedLanguageHead.BIAS), 0);
    x.close();
    y.close();
    return logits;
  }

  private float[] transformed(float[] rows, int n, int d, int e) {
    final Floats x = Floats.of(Floats.tensor(rows, n, d));
    final Floats w = Floats.of(head.weights().get(MaskedLanguageHead.DENSE + ".weight"));
    final Floats y = Floats.zeros(n, e);
    Blas.gemm(
        false,
        true,
        n,
        e,
        d,
        1f,
        new Matrix(x, 0, d),
        new Matrix(w, 0, d),
        0f,
        new Matrix(y, 0, e));
    final float[] values = Floats.toArray(y.array());
    x.close();
    y.close();
    kernels.addBias(values, n, e, weight(MaskedLanguageHead.DENSE + ".bias"), 0);
    kernels.activate(EncoderShape.kernel(head.activation()), values, n * e);
    kernels.layerNorm(
        values,
        n,
        e,
        weight(MaskedLanguageHead.NORM + ".weight"),
        weight(MaskedLanguageHead.NORM + ".bias"),
        encoder.architecture().layerNormEps(),
        new float[n * e],
        new float[n],
        0);
    return values;
  }

  private float[] weight(String name) {
    return Floats.toArray(head.weights().get(name));
  }
}
