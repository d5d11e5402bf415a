package dev.bantam.runner.run;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.checkpoint.Signature;
import dev.bantam.export.onnx.OnnxFormat;
import dev.bantam.export.onnx.OnnxOutput;
import dev.bantam.export.onnx.OnnxWriter;
import java.util.Locale;

/** What a user of an exported ONNX file has to know, as Markdown. */
final class OnnxCard {
  private OnnxCard() {}

  /**
   * Inputs, output, how to load it, and what the format does at run time.
   *
   * @param ranges whether activations are rounded by fixed ranges
   * @param file name of the file
   */
  static String usage(Checkpoint model, OnnxExport export, boolean ranges, String file) {
    final Signature names = model.signature();
    final StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "`%s` is ONNX, opset %d, for ONNX Runtime and what is built on it (DJL, LangChain4j,"
                + " Spring AI, Vespa, OpenSearch). Inputs, int64 [batch, sequence]: `%s`, `%s`%s."
                + "%s\n\n",
            file,
            OnnxWriter.OPSET,
            names.inputIds(),
            names.attentionMask(),
            names.tokenTypeIds().map(n -> ", `" + n + "`").orElse(""),
            tokens(model)));
    text.append(output(model, export.gives(model))).append("\n\n");
    text.append(arithmetic(export.format(), ranges)).append("\n\n");
    if (isForLangChain4j(model, export)) {
      text.append(
          String.format(
              Locale.ROOT,
              "LangChain4j: `new OnnxEmbeddingModel(\"%s\", \"tokenizer.json\","
                  + " PoolingMode.%s)`.\n\n",
              file,
              model.pooling().name()));
    }
    return text.toString();
  }

  private static String tokens(Checkpoint model) {
    return model.tokenizer().isPresent()
        ? " Texts are tokenized by `tokenizer.json` and cut at " + model.maxLength() + " tokens."
        : " At most "
            + model.maxLength()
            + " tokens a text; the model came without a tokenizer.json.";
  }

  /** It pools and normalises itself, and knows the inputs by their usual names. */
  private static boolean isForLangChain4j(Checkpoint model, OnnxExport export) {
    return export.gives(model) == OnnxOutput.TOKENS
        && model.pooling() != Pooling.POOLER
        && model.tokenizer().isPresent()
        && model.signature().inputIds().equals(Signature.STANDARD.inputIds())
        && model.signature().attentionMask().equals(Signature.STANDARD.attentionMask());
  }

  private static String output(Checkpoint model, OnnxOutput output) {
    final int d = model.architecture().hiddenSize();
    return switch (output) {
      case TOKENS ->
          String.format(
              Locale.ROOT,
              "Output `%s`, float32 [batch, sequence, %d]: the last hidden states. The vector of a"
                  + " text is %s%s.",
              model.signature().output(),
              d,
              switch (model.pooling()) {
                case MEAN -> "their mean over the tokens where the mask is 1";
                case CLS -> "that of the first token";
                case POOLER ->
                    "that of the first token through `pooler.dense` and "
                        + model.architecture().poolerActivation().name().toLowerCase(Locale.ROOT);
              },
              model.normalize() ? ", scaled to length 1" : "");
      case SENTENCE ->
          String.format(
              Locale.ROOT,
              "Output `%s`, float32 [batch, %d]: one vector a text, %s pooling%s, done inside.",
              OnnxWriter.SENTENCE_EMBEDDING,
              d,
              model.pooling().name().toLowerCase(Locale.ROOT),
              model.normalize() ? " and scaling to length 1" : "");
      case LOGITS ->
          String.format(
              Locale.ROOT,
              "Output `%s`, float32 [batch, %s%d]: %s%s.",
              OnnxWriter.LOGITS,
              readsTokens(model) ? "sequence, " : "",
              model.head().orElseThrow().labels().size(),
              String.join(", ", model.head().orElseThrow().labels()),
              readsTokens(model) ? "; the tag of a word is that of its first token" : "");
    };
  }

  private static boolean readsTokens(Checkpoint model) {
    return model.head().filter(h -> h.kind() == Head.Kind.TOKEN_LABEL).isPresent();
  }

  private static String arithmetic(OnnxFormat format, boolean ranges) {
    return switch (format) {
      case FLOAT -> "All weights are float32.";
      case INT8 ->
          "Matrices and embedding tables are int8 with one scale a row. "
              + (ranges
                  ? "The inputs of matrix products are quantized by fixed ranges (static), which were"
                      + " measured on training texts."
                  : "Activations are quantized to 8 bits while the graph runs (dynamic: no"
                      + " calibration), with one range for a whole batch, so the result of a text"
                      + " depends a little on the texts beside it.")
              + " x86 processors without VNNI add products of bytes in 16 bits and cut sums off:"
              + " for those, export with `--bits 7`.";
      case INT4 ->
          "Matrices are 4-bit in groups that share a scale, multiplied in float32 by `MatMulNBits`,"
              + " an operator of ONNX Runtime; embedding tables are int8 with one scale a row.";
    };
  }
}
