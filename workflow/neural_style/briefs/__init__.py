"""What a picture is to be, as tensors: photograph, paintings, masks, colours, start."""
