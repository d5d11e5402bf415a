package dev.bantam.export.onnx;

import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Signature;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Texts as an ONNX encoder takes them: padded to the longest.
 *
 * @param texts at least one
 * @param padTokenId what short texts are filled with
 */
public record PaddedBatch(List<Encoding> texts, int padTokenId) {
  public PaddedBatch {
    texts = List.copyOf(texts);
  }

  /** Tokens of the longest text. */
  public int length() {
    return texts.stream().mapToInt(Encoding::length).max().orElseThrow();
  }

  /** The inputs by name, each [texts, length] row-major. */
  public Map<String, long[]> inputs(Signature signature) {
    final int length = length();
    final long[] ids = new long[Math.multiplyExact(texts.size(), length)];
    final long[] types = new long[ids.length];
    final long[] mask = new long[ids.length];
    Arrays.fill(ids, padTokenId);
    for (int s = 0; s < texts.size(); s++) {
      final Encoding text = texts.get(s);
      for (int t = 0; t < text.length(); t++) {
        ids[s * length + t] = text.ids()[t];
        types[s * length + t] = text.typeIds()[t];
        mask[s * length + t] = 1;
      }
    }
    final Map<String, long[]> inputs = new LinkedHashMap<>();
    inputs.put(signature.inputIds(), ids);
    inputs.put(signature.attentionMask(), mask);
    signature.tokenTypeIds().ifPresent(name -> inputs.put(name, types));
    return inputs;
  }

  /** The rows of real tokens, [tokens, d], of hidden states [texts, length, d]. */
  public float[] withoutPadding(float[] hidden) {
    final int length = length();
    final int d = hidden.length / (texts.size() * length);
    final float[] rows = new float[texts.stream().mapToInt(Encoding::length).sum() * d];
    int at = 0;
    for (int s = 0; s < texts.size(); s++) {
      final int n = texts.get(s).length() * d;
      System.arraycopy(hidden, s * length * d, rows, at, n);
      at += n;
    }
    return rows;
  }
}
