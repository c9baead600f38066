//===- Image.td - image files ----------------------------------------------------------------------------------------------===//
//
// Like a tensor that comes out of a sequence, an image takes two steps: its size first, then its pixels, whose number is thereby known.
//
//===------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_IMAGE_TD
#define LEPTON_IMAGE_TD

include "dialects/Lepton/Types.td"

def Lepton_ImageSizeOp : Lepton_RuntimeOp<"image_size"> {
  let summary = "the height and the width of an image file";
  let description = [{
    `encoded` holds the bytes of a file in one of the formats JPEG, PNG, BMP, TIFF and PNM (P5, P6). Bytes that are none fail the run.

    Example:
    ```mlir
    %n = lepton.image_size %x : (tensor<?xui8>) -> tensor<2xi64>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$encoded);
  let assemblyFormat = "$encoded attr-dict `:` functional-type(operands, results)";
}

def Lepton_ImageDecodeOp : Lepton_RuntimeOp<"image_decode"> {
  let summary = "the pixels of an image file";
  let description = [{
    `size` is that of `lepton.image_size`. The channels are red, green and blue, with `bgr` the other way round; with `grayscale` there is
    only the luma. ONNX ImageDecoder.

    Example:
    ```mlir
    %y = lepton.image_decode %x, %n {bgr} : (tensor<?xui8>, tensor<2xi64>) -> tensor<?x?x3xui8>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$encoded, Lepton_Tensor:$size, UnitAttr:$bgr, UnitAttr:$grayscale);
  let assemblyFormat = "$encoded `,` $size attr-dict `:` functional-type(operands, results)";
}

#endif // LEPTON_IMAGE_TD
