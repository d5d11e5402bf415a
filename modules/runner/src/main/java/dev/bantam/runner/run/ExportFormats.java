package dev.bantam.runner.run;

import dev.bantam.compression.Operation;
import dev.bantam.export.onnx.OnnxFormat;
import dev.bantam.runner.experiment.ExportFormat;
import java.util.Locale;
import java.util.Optional;

/** What can be done about each export format. */
public final class ExportFormats {
  private ExportFormats() {}

  /** The name in experiment files and on the command line. */
  public static String id(ExportFormat format) {
    return format.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** Why a format cannot be written, if it cannot. */
  public static Optional<String> unsupported(ExportFormat format) {
    return format == ExportFormat.DELTA
        ? Optional.of(
            "the format '"
                + id(format)
                + "' cannot be written here. There are safetensors, compressed-tensors, onnx,"
                + " onnx-int8 and onnx-int4.")
        : Optional.empty();
  }

  /** Whether a format holds what an operation does beside the weights. */
  static boolean holds(ExportFormat format, Operation.Effect effect) {
    return switch (format) {
      case SAFETENSORS -> true;
      case ONNX, ONNX_INT8, ONNX_INT4 -> onnx(format).holds(effect);
      case COMPRESSED_TENSORS, DELTA -> false;
    };
  }

  /** Whether a format is a folder of safetensors, and not an ONNX file. */
  static boolean isFolder(ExportFormat format) {
    return format == ExportFormat.SAFETENSORS || format == ExportFormat.COMPRESSED_TENSORS;
  }

  /** The ONNX format of that name. */
  static OnnxFormat onnx(ExportFormat format) {
    return switch (format) {
      case ONNX -> OnnxFormat.FLOAT;
      case ONNX_INT8 -> OnnxFormat.INT8;
      case ONNX_INT4 -> OnnxFormat.INT4;
      default -> throw new IllegalArgumentException(id(format) + " is no ONNX format");
    };
  }
}
